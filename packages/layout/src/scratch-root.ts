import { join } from "node:path";
import { INCOMING, type LayoutContext } from "./context.ts";
import { DIRECTORY_MODE } from "./directories.ts";
import { ManagerStore } from "./manager-store.ts";
import { FORMAT_FILE, NODE_MANAGER } from "./paths.ts";

const FORMAT_MAX_BYTES = 1024 * 1024;

/**
 * A tree in which a manager can be tried: on the file system of the real one, with a copy of its format, without anything
 * installed. Nobody holds it, so that a manager can open it. Nothing in it is durable; disposing removes it.
 */
export class ScratchRoot implements AsyncDisposable {
  /** What holds everything: free for the logs of the trial. */
  readonly dir: string;
  /** The tree itself. */
  readonly root: string;
  /** Where the tree's current link is to be. */
  readonly currentLink: string;
  readonly manager: ManagerStore;
  readonly #context: LayoutContext;

  /** See `Root.scratch`. */
  static async make(context: LayoutContext, realRoot: string, parent: string): Promise<ScratchRoot> {
    return await context.attempt("making a tree for a trial", async () => {
      const scratch = new ScratchRoot(context, join(parent, INCOMING + context.uniqueName()));
      try {
        for (const dir of [scratch.dir, scratch.root, join(scratch.root, NODE_MANAGER)]) {
          await context.fs.mkdir(dir, DIRECTORY_MODE);
        }
        const format = await context.fs.readFile(join(realRoot, FORMAT_FILE), FORMAT_MAX_BYTES);
        const file = await context.fs.createFile(join(scratch.root, FORMAT_FILE), 0o600);
        await file.write(format).finally(() => file.close());
        return scratch;
      } catch (error) {
        await scratch[Symbol.asyncDispose]();
        throw error;
      }
    });
  }

  private constructor(context: LayoutContext, dir: string) {
    this.#context = context;
    this.dir = dir;
    this.root = join(dir, "root");
    this.currentLink = join(dir, "current");
    this.manager = new ManagerStore(context, this.root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.bestEffort(`removing ${this.dir}`, () => this.#context.fs.removeTree(this.dir));
  }
}
