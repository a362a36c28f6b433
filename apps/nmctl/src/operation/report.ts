import type { NodeError } from "@nodemanager/core";
import type { ObjectEvent } from "@nodemanager/proto/v1";
import { exitCodeOfBatch } from "../exit-code.ts";
import type { Io } from "../io.ts";
import type { Item, Output } from "../output.ts";
import { changesInShort, changesTable } from "../render/changes.ts";
import { complaint } from "../render/complaint.ts";
import { ProgressReport } from "../render/progress.ts";
import type { Terminal } from "../render/terminal.ts";
import { type Ended, endedToJson, endOf, failed } from "./ended.ts";

/** What an operation needs to tell about itself. */
export interface ReportOptions {
  /** What is done, as in `suspend`. */
  readonly verb: string;
  readonly terminal: Terminal;
  readonly io: Pick<Io, "now">;
  /** Whether one object is meant, so that its failure is the command's. */
  readonly single: boolean;
  /** What it is when there was nothing to work on; nothing unless given. */
  readonly empty?: string;
  /** The names as they were given. */
  readonly operands?: readonly string[];
  /** Whether errors are printed as data, too. */
  readonly errorsAreData: boolean;
  /** Whether what changes is the data, and not something that was noticed on the way. */
  readonly showChanges?: boolean;
}

/**
 * Prints an operation while it goes on: what it made or did as data, progress, notes and failures to people. The exit
 * status says how many failed.
 */
export function report(events: AsyncIterable<ObjectEvent | Ended>, options: ReportOptions): Output {
  const failures: NodeError[] = [];
  let succeeded = 0;
  // An error of `apps/TITLE` itself, not of something below it: there was nothing to make a batch of.
  let isWhole = false;
  const progress = new ProgressReport(options.terminal, options.io.now);

  async function* items(): AsyncGenerator<Item> {
    for await (const event of events) {
      const ended = "kind" in event ? event : endOf(event);
      if (!ended) {
        if ("event" in event && event.event?.$case === "progress") {
          progress.show(event.name, event.event.value);
        }
        continue;
      }
      progress.end(ended.name);
      if (ended.kind === "error") {
        failures.push(ended.error);
        isWhole = options.operands?.includes(ended.name) ?? false;
        options.terminal.say(complaint(`${options.verb} ${ended.name}`, ended.error, ended.name));
        if (options.errorsAreData) {
          yield { name: ended.name, json: () => endedToJson(ended) };
        }
        continue;
      }
      succeeded++;
      const { name, note, changes } = ended.outcome;
      const said = [options.showChanges ? "" : changesInShort(changes), note].filter((text) => text !== "");
      if (said.length > 0) {
        options.terminal.say(`${name}: ${said.join("; ")}`);
      }
      const text = options.showChanges ? `${name}\n${changesTable(changes, options.terminal)}` : name;
      yield { name, json: () => endedToJson(ended), text: () => text };
    }
    summarize();
  }

  const total = () => succeeded + failures.length;

  function summarize(): void {
    if (total() === 0 && options.empty !== undefined) {
      options.terminal.say(options.empty);
    } else if (failures.length > 0 && !options.single) {
      options.terminal.say(`nmctl: ${options.verb} failed for ${failures.length} of ${total()}`);
    }
  }

  return {
    shape: "stream",
    items: items(),
    exitCode: () => exitCodeOfBatch({ single: options.single || (isWhole && total() === 1), succeeded, failures }),
  };
}

/** The events of one call; its failure becomes the end of the object. */
export async function* eventsOf(
  name: string,
  call: () => AsyncIterable<{ readonly event?: ObjectEvent | undefined }>,
  signal: AbortSignal,
): AsyncGenerator<ObjectEvent | Ended> {
  try {
    for await (const { event } of call()) {
      if (event) {
        yield event;
      }
    }
  } catch (error) {
    if (signal.aborted) {
      throw error;
    }
    yield failed(name, error);
  }
}
