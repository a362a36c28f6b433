/** After so many starts of a version that never became healthy, its script goes back to the version before it. */
export const STARTS_MAX = 3;

export interface StartScriptOptions {
  /** How long a version may take to become healthy until it is killed; whole seconds, rounded up. */
  readonly healthyWithinMs: number;
}

/**
 * The text of `noded.sh`, which starts the version in its own directory: constant but for two numbers, for any POSIX shell.
 *
 * A version that is not `healthy` is on probation. Its starts are counted by `starts`; the fourth goes back to `previous`
 * instead: it writes `fell-back`, points the link through which it was started at that version's script, and runs it. So
 * that one that hangs is restarted and counted as well, a guard kills it when it does not become healthy in time; it is
 * no child of the manager, knows it by pid and start time, and ends with it.
 *
 * The names of these files and the arguments are the same in every version: an old version writes the script for a new one.
 */
export function startScript({ healthyWithinMs }: StartScriptOptions): string {
  return TEXT.replaceAll("@STARTS@", String(STARTS_MAX)).replaceAll(
    "@SECONDS@",
    String(Math.max(1, Math.ceil(healthyWithinMs / 1000))),
  );
}

const TEXT = `#!/bin/sh
# Starts the version of the node manager that is in the directory of this script.
umask 077
self=$(readlink -f -- "$0") || exit 70
dir=\${self%/*}
[ "\${1-}" = run ] && shift
# The manager allocates little and lives long: one arena costs it nothing and saves memory.
export MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536

durably() { sync "$1" 2>/dev/null || sync; }

# Replaces FILE by one with the line TEXT.
put() {
  new=\${2%/*}/.incoming-start-$$
  printf '%s\\n' "$1" >"$new" && durably "$new" && mv -f "$new" "$2" && durably "$dir" || rm -f "$new"
}

# Notes how many starts there were, as a link that leads nowhere: that takes no space, and a version that has filled the
# disk is one to be given up.
count() {
  new=$dir/.incoming-start-$$
  ln -sf "$1" "$new" && mv -f "$new" "$dir/starts" && durably "$dir"
}

# When a process began, in ticks since the boot: with it a pid means one process.
began() {
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -f
  set -- \${stat##*") "}
  echo "\${20}"
}

# The last of the links through which this was started: that one names the version.
current_link() {
  case $0 in */*) link=$0 ;; *) link=./$0 ;; esac
  while target=$(readlink -- "$link"); do
    case $target in /*) next=$target ;; *) next=\${link%/*}/$target ;; esac
    [ -h "$next" ] || break
    link=$next
  done
}

# The number that a version's name begins with.
number() { n=\${1##*/}; echo "\${n%%-*}"; }

fall_back() {
  previous=$(readlink -- "$dir/previous") || return
  # What is before a version was made before it: a damaged link must not lead back here, again and again.
  [ "$(number "$previous")" -lt "$(number "$dir")" ] 2>/dev/null || return
  script=$(readlink -f -- "$dir/previous/noded.sh") && [ -x "$script" ] || return
  put "{\\"schemaVersion\\":1,\\"at\\":\\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\\",\\"starts\\":$starts}" "$dir/fell-back"
  current_link
  new=\${link%/*}/.incoming-\${link##*/}-fall-back
  rm -f "$new"
  ln -s "\${target%/*/*}/\${previous##*/}/noded.sh" "$new"
  if [ "$(readlink -f -- "$new")" != "$script" ]; then
    rm -f "$new"
    ln -s "$script" "$new"
  fi
  mv -f "$new" "$link" && durably "\${link%/*}" && exec "$0" "$@"
  exec "$script" "$@"
}

# Ends with the manager, and kills it when it has not become healthy in time. Holds nothing of it open.
guard() {
  cd /
  exec </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  left=@SECONDS@
  while [ ! -e "$dir/healthy" ] && [ "$(began $$)" = "$1" ]; do
    if [ "$left" -le 0 ]; then
      kill -KILL $$
      return
    fi
    sleep 1
    left=$((left - 1))
  done
}

if [ ! -e "$dir/healthy" ]; then
  starts=$(readlink -- "$dir/starts") || starts=0
  case $starts in [0-9]) ;; *) starts=0 ;; esac
  if [ "$starts" -ge @STARTS@ ] && [ -h "$0" ]; then
    fall_back "$@"
  fi
  # Without a version to go back to there is nothing to count for.
  [ "$starts" -lt @STARTS@ ] && count $((starts + 1))
  birth=$(began $$) && ( guard "$birth" & )
fi
exec "$dir/noded" run --settings "$dir/settings.json" "$@"
`;
