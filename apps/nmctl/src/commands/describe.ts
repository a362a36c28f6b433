import { DescribeResponse } from "@nodemanager/proto/v1";
import type { Invocation } from "../command.ts";
import { document, type Output } from "../output.ts";
import { describeFields } from "../render/fields.ts";

/** `describe`. */
export async function describe({ session, signal }: Invocation): Promise<Output> {
  const { node } = await session.node();
  const response = await node.describe({}, { signal });
  const { specification } = response;
  return document({
    name: response.hostname,
    json: () => DescribeResponse.toJSON(response),
    text: () =>
      describeFields([
        ["hostname", response.hostname],
        ["manager", response.version],
        ["profiles", response.profiles.join("\n")],
        ["format", specification?.format ?? ""],
        ["os", specification?.os ?? ""],
        ["arch", specification?.arch ?? ""],
        ["libc", [specification?.libc?.family, specification?.libc?.version].join(" ").trim()],
        ["libraries", specification ? `${specification.libraries.length}; -o json lists them` : ""],
        ["containment", response.containment],
        ["isolation", response.isolation],
      ]),
  });
}
