import { resolve } from "node:path";
import type { Invocation } from "../command.ts";
import { type Context, type Contexts, readContexts, writeContexts } from "../connection/context-file.ts";
import { parseTarget, tlsOptions } from "../connection/target.ts";
import { usageError } from "../grammar/usage-error.ts";
import { document, type Item, type Output } from "../output.ts";

/** `context list`. */
export async function contextList({ io }: Invocation): Promise<Output> {
  const { contexts, current } = await readContexts(io.env);
  return {
    shape: "list",
    columns: [{ title: "" }, { title: "NAME" }, { title: "NODE" }],
    items: Object.entries(contexts).map(([name, context]) => item(name, context, name === current)),
    empty: "no context is saved; nmctl context set saves one",
  };
}

/** `context use`. */
export async function contextUse({ args, io }: Invocation): Promise<Output> {
  const { name, saved, context } = await find(args.operand, io.env);
  await writeContexts(io.env, { ...saved, current: name });
  return document(item(name, context, true));
}

/** `context set`. */
export async function contextSet({ args, io }: Invocation): Promise<Output> {
  const name = args.operand;
  const node = args.text("node");
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw usageError(
      `the name of a context has letters, digits, dots, dashes and underscores, not ${JSON.stringify(name)}`,
    );
  }
  if (node === undefined) {
    throw usageError("context set needs --node ADDRESS");
  }
  const tls: NonNullable<Context["tls"]> = Object.fromEntries(
    Object.entries(tlsOptions(args, {})).flatMap(([key, file]) => (file === undefined ? [] : [[key, resolve(file)]])),
  );
  const target = parseTarget(node, tls);
  // A socket that was named relative to this directory has to be found from any other.
  const address = target.kind === "direct" && target.address.kind === "unix" ? `unix:${target.address.path}` : node;
  const context: Context = { node: address, ...(Object.keys(tls).length > 0 && { tls }) };
  const saved = await readContexts(io.env);
  await writeContexts(io.env, { ...saved, contexts: { ...saved.contexts, [name]: context } });
  return document(item(name, context, saved.current === name));
}

/** `context rm`. */
export async function contextRm({ args, io }: Invocation): Promise<Output> {
  const { name, saved, context } = await find(args.operand, io.env);
  const { [name]: _, ...contexts } = saved.contexts;
  await writeContexts(io.env, { ...saved, contexts, current: saved.current === name ? undefined : saved.current });
  return document(item(name, context, false));
}

async function find(
  name: string,
  env: Invocation["io"]["env"],
): Promise<{ readonly name: string; readonly saved: Contexts; readonly context: Context }> {
  const saved = await readContexts(env);
  const context = Object.hasOwn(saved.contexts, name) ? saved.contexts[name] : undefined;
  if (!context) {
    throw usageError(`there is no context ${JSON.stringify(name)}; nmctl context list lists them`);
  }
  return { name, saved, context };
}

function item(name: string, context: Context, isCurrent: boolean): Item {
  return {
    name,
    json: () => ({ name, current: isCurrent, ...context }),
    cells: () => [isCurrent ? "*" : "", name, context.node],
    text: () => name,
  };
}
