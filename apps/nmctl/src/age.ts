/** How long ago something was, as people say it: `5s`, `12m`, `3h`, `8d`. */
export function age(at: Date | undefined, now: number): string {
  if (!at) {
    return "";
  }
  const seconds = Math.max(0, Math.floor((now - at.getTime()) / 1000));
  if (seconds < 120) {
    return `${seconds}s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) {
    return `${minutes}m`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
