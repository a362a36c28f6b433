import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { reasonOf, tempDir } from "@nodemanager/testing";
import { checkServable, serve } from "@nodemanager/transport/server";
import { expect, test } from "vitest";

test("an address that somebody serves at is in use; a free one is left as it was", async () => {
  await using dir = await tempDir();
  const unix = { kind: "unix", path: join(dir.path, "sock") } as const;
  await checkServable({ listen: [unix] });
  expect(await readdir(dir.path)).toEqual([]);
  await using _server = await serve({ listen: [unix], register: () => {} });
  expect(await reasonOf(checkServable({ listen: [unix] }))).toBe("ADDRESS_IN_USE");
});

test("so is a port, and a network address without certificates is refused", async () => {
  const server = createServer().listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const listen = [{ kind: "tcp", host: "127.0.0.1", port } as const];
  expect(await reasonOf(checkServable({ listen, requireTlsOnTcp: false }))).toBe("ADDRESS_IN_USE");
  expect(await reasonOf(checkServable({ listen }))).toBe("INVALID_CONFIG");
  server.close();
  await once(server, "close");
  await checkServable({ listen, requireTlsOnTcp: false });
});
