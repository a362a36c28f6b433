import type { Progress } from "@nodemanager/proto/v1";
import type { Terminal } from "./terminal.ts";
import { padded, shortened, textWidth } from "./text-width.ts";

const REDRAW_MS = 80;
const BAR = 20;
// More lines than this would scroll.
const LINES_MAX = 12;

// Where nothing moves, a long phase says each time that so much of it is done.
const STEPS = 4;

interface Shown {
  readonly progress: Progress;
  readonly since: number;
}

/**
 * Tells people how far things are: bars that move on a terminal; anywhere else a line for each phase, and one
 * for each quarter of it.
 */
export class ProgressReport {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #shown = new Map<string, Shown>();
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal, now: () => number) {
    this.#terminal = terminal;
    this.#now = now;
  }

  /** Shows how far an object is. */
  show(name: string, progress: Progress): void {
    const before = this.#shown.get(name);
    const isNewPhase = before?.progress.phase !== progress.phase;
    this.#shown.set(name, { progress, since: before && !isNewPhase ? before.since : this.#now() });
    if (!this.#terminal.hasProgress) {
      if (isNewPhase || stepOf(progress) > stepOf(before.progress)) {
        this.#terminal.say(`${name}: ${[progress.phase, reached(progress)].filter(Boolean).join(", ")}`);
      }
      return;
    }
    if (isNewPhase || this.#now() - this.#drawnAt >= REDRAW_MS) {
      this.#draw();
    }
  }

  /** Shows an object no more. */
  end(name: string): void {
    if (this.#shown.delete(name) && this.#terminal.hasProgress) {
      this.#draw();
    }
  }

  #draw(): void {
    this.#drawnAt = this.#now();
    const width = this.#terminal.progressWidth - 1;
    const lines = Array.from(this.#shown, ([name, shown]) => this.#line(name, shown, width));
    const hidden = lines.length - LINES_MAX;
    this.#terminal.live(hidden > 0 ? [...lines.slice(0, LINES_MAX), `and ${hidden} more`] : lines);
  }

  #line(name: string, { progress, since }: Shown, width: number): string {
    const right = describe(progress, this.#now() - since);
    const left = shortened(`${progress.phase} ${name}`, Math.max(10, width - textWidth(right) - 2));
    return shortened(`${padded(left, Math.max(0, width - textWidth(right) - 2))}  ${right}`, width);
  }
}

function stepOf({ done, goal }: Progress): number {
  return goal === 0n ? 0 : Math.floor((Number(done) * STEPS) / Number(goal));
}

/** `3 of 6`, `25.0 MB of 100.0 MB`; nothing before anything is done. */
function reached({ done, goal, unit }: Progress): string {
  return done === 0n || goal === 0n ? "" : `${amount(Number(done), unit)} of ${amount(Number(goal), unit)}`;
}

/** `[#####               ]  25 %  25.0 of 100.0 MB, 12.5 MB/s, 6 s left` */
function describe(progress: Progress, elapsedMs: number): string {
  const done = Number(progress.done);
  const goal = Number(progress.goal);
  if (goal === 0) {
    return progress.unit === "bytes" && done > 0 ? amount(done, progress.unit) : "";
  }
  const share = Math.min(1, done / goal);
  const filled = Math.round(share * BAR);
  const bar = `[${"#".repeat(filled)}${" ".repeat(BAR - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %`;
  const rate = elapsedMs > 500 && done > 0 ? done / (elapsedMs / 1000) : 0;
  const speed =
    rate > 0 && progress.unit === "bytes"
      ? `, ${amount(rate, "bytes")}/s, ${Math.ceil((goal - done) / rate)} s left`
      : "";
  return `${bar}  ${amount(done, progress.unit)} of ${amount(goal, progress.unit)}${speed}`;
}

function amount(count: number, unit: string): string {
  if (unit !== "bytes") {
    return String(count);
  }
  if (count < 1000) {
    return `${Math.round(count)} B`;
  }
  const exponent = Math.min(4, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** exponent).toFixed(1)} ${["B", "kB", "MB", "GB", "TB"][exponent]}`;
}
