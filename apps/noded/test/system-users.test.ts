import { describe, expect, test } from "vitest";
import { findUser, parsePasswd } from "../src/system-users.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/bash
# a comment:x:5:5
+nis:x:6:6
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin

broken
alias:x:1:7::/:/bin/sh
negative:x:-1:-1::/:/bin/sh
huge:x:4294967295:1::/:/bin/sh
last:x:4294967294:4294967294::/:/bin/sh`;

describe("the users of a node", () => {
  test("are the lines that are a user's", () => {
    expect(parsePasswd(PASSWD)).toEqual([
      { name: "root", uid: 0, gid: 0 },
      { name: "daemon", uid: 1, gid: 1 },
      { name: "alias", uid: 1, gid: 7 },
      { name: "last", uid: 4294967294, gid: 4294967294 },
    ]);
  });

  test("are found by name or uid, the first that has it", () => {
    const users = parsePasswd(PASSWD);
    expect(findUser(users, "alias")?.gid).toBe(7);
    expect(findUser(users, "1")?.name).toBe("daemon");
    expect(findUser(users, "0")?.name).toBe("root");
    expect(findUser(users, "nobody-of-that-name")).toBeUndefined();
    expect(findUser(users, "99")).toBeUndefined();
    expect(findUser(users, "")).toBeUndefined();
    expect(findUser(users, "01x")).toBeUndefined();
  });
});
