import { readFileSync } from "node:fs";
import { isErrno } from "@nodemanager/core";
import type { SystemUser } from "@nodemanager/manager";

const PASSWD = "/etc/passwd";
const ID_MAX = 2 ** 32 - 2;

/** The users that the node itself has. Those of a directory service are not looked for: a device does without one. */
export function systemUsers(): readonly SystemUser[] {
  try {
    return parsePasswd(readFileSync(PASSWD, "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      return [];
    }
    throw error;
  }
}

/** The users in a text as passwd(5) describes it; lines that are no user's are left out. */
export function parsePasswd(text: string): readonly SystemUser[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uidText, gidText] = line.split(":");
    const [uid, gid] = [idOf(uidText), idOf(gidText)];
    return /^[^\s#+-]\S*$/.test(name) && uid !== undefined && gid !== undefined ? [{ name, uid, gid }] : [];
  });
}

/** The first user of a name or, for a number, of a uid. */
export function findUser(users: readonly SystemUser[], user: string): SystemUser | undefined {
  const uid = idOf(user);
  return users.find((one) => (uid === undefined ? one.name === user : one.uid === uid));
}

function idOf(text: string | undefined): number | undefined {
  const id = /^\d{1,10}$/.test(text ?? "") ? Number(text) : Number.NaN;
  return id <= ID_MAX ? id : undefined;
}
