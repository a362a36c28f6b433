import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import type { NodeFacts } from "@nodemanager/manager";
import {
  computeSpecification,
  isRunnable,
  knownProfiles,
  matchProfiles,
  type Profile,
  parseProfiles,
} from "@nodemanager/profile";
import { invalid } from "./settings.ts";

/**
 * What this node is. Nothing is found out before it is asked for, and then once.
 *
 * @param profilesFile - the node's own profiles, which come before the built-in ones with the same label
 */
export function nodeFacts(profilesFile: string | undefined): NodeFacts {
  let specification: ReturnType<NodeFacts["specification"]> | undefined;
  let profiles: Promise<readonly Profile[]> | undefined;
  const facts: NodeFacts = {
    hostname: hostname(),
    specification: () => {
      specification ??= import("@nodemanager/profile/facts")
        .then(({ readNodeFacts }) => readNodeFacts())
        .then(computeSpecification);
      return specification;
    },
    profiles: async () => matchProfiles(await facts.specification(), await known()),
    isRunnable: async (query) =>
      isRunnable(
        await facts.specification(),
        query.profiles.length === 0 && query.specification ? query.specification : query.profiles,
        await known(),
      ),
  };
  const known = () => {
    profiles ??= readProfiles(profilesFile);
    return profiles;
  };
  return facts;
}

/** @throws NodeError `INVALID_CONFIG` naming the file and what is wrong in it */
export async function readProfiles(file: string | undefined): Promise<readonly Profile[]> {
  if (file === undefined) {
    return knownProfiles;
  }
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw invalid(`the profiles file ${file} cannot be read`, error);
  }
  const own = parseProfiles(text, file);
  const labels = new Set(own.map((profile) => profile.label));
  return [...own, ...knownProfiles.filter((profile) => !labels.has(profile.label))];
}
