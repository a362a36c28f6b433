import { computeSpecification, knownProfiles, matchProfiles } from "@nodemanager/profile";
import { readNodeFacts } from "@nodemanager/profile/facts";

/** The labels of the profiles of this machine, the most specific first. */
export async function ownProfiles(): Promise<string[]> {
  return matchProfiles(computeSpecification(await readNodeFacts()), knownProfiles);
}
