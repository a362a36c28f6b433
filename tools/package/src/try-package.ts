import assert from "node:assert/strict";
import type { Machine } from "./machine.ts";
import { MACHINE_ADDRESS, type Workstation } from "./workstation.ts";

/** Of the packages that lie ready as `/root/noded_VERSION.deb`, in the order in which they are installed. */
export const VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "3.0.0"] as const;

/** The version that the manager replaces itself by, from `/root/noded-itself`: newer than one package, older than another. */
export const OWN_VERSION = "2.0.0";
const WATCHDOG_MS = 90_000;
/** The processes of installations that run as users of their own. */
const OF_ACCOUNTS = "find /proc -maxdepth 1 -uid +1879048191";
/** What the instances are doing. */
const STATUS = "nmctl -o json status 'apps/*/*/*'";
const IS_RUNNING = `${STATUS} | grep -q '"state": "OBJECT_STATE_RUNNING"'`;

/** What is tried, in order: each step starts where the one before it ended. */
export const STEPS: Readonly<Record<string, (machine: Machine, workstation: Workstation) => Promise<void>>> = {
  "it is installed and started": async (machine) => {
    machine.ok("dpkg -i /root/noded_1.0.0.deb");
    assert.equal(machine.ok("systemctl is-active noded"), "active");
    assert.equal(machine.ok("systemctl is-enabled noded"), "enabled");
  },
  "systemd knows when it serves": async (machine) => {
    assert.match(machine.ok("systemctl show -P StatusText noded"), /^serving unix:\/run\/noded\/noded\.sock$/);
    assert.equal(machine.ok("systemctl show -P WatchdogUSec noded"), "30s");
  },
  "systemd finds nothing wrong with its unit": async (machine) => {
    assert.equal(machine.ok("systemd-analyze verify --man=no noded.service 2>&1"), "");
  },
  "systemd accepts what noded unit prints, too": async (machine) => {
    machine.ok("noded unit --root /srv/other > /run/systemd/system/other.service");
    assert.equal(machine.ok("systemd-analyze verify --man=no other.service 2>&1"), "");
    machine.ok("rm /run/systemd/system/other.service");
  },
  "it runs as a user of its own without any capability": async (machine) => {
    const status = machine.ok(`cat /proc/${mainPid(machine)}/status`);
    assert.match(status, new RegExp(`^Uid:\\t${machine.ok("id -u noded")}\\t`, "m"));
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^CapBnd:\t0+$/m);
    assert.match(status, /^NoNewPrivs:\t1$/m);
  },
  "nobody else reaches its socket": async (machine) => {
    assert.equal(machine.ok("stat -c '%a %U' /run/noded"), "700 noded");
    const asNobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    assert.equal(machine.ok(`${asNobody} nmctl version`), VERSIONS[0]);
    assert.notEqual(machine.sh(`${asNobody} nmctl --node unix:/run/noded/noded.sock describe`).status, 0);
  },
  "nmctl operates it": async (machine) => {
    assert.match(machine.ok("nmctl describe"), /linux-/);
  },
  "an application is published, installed and started": async (machine) => {
    machine.ok("printf '#!/bin/sh\\necho up\\nexec sleep 100000\\n' > /root/hello; chmod 755 /root/hello; umask 022");
    machine.ok("nmctl publish /root/hello --to file:/srv/repository --title hello --version 1.0.0");
    machine.ok("nmctl start $(nmctl install file:/srv/repository/hello)");
    machine.ok(IS_RUNNING);
  },
  "another host operates it over mutual TLS": async (machine, workstation) => {
    const before = mainPid(machine);
    const [node = "", address = "", ca = "", caFile = "", ...identity] = await workstation.allowTls(machine);
    await isBack(machine, before);
    const over = [node, address, ca, caFile, ...identity];
    assert.equal(workstation.nmctl(...over, "describe").status, 0);
    await operatesFrom(workstation, over);
    // Without a certificate nobody is served.
    const stranger = workstation.nmctl(node, address, ca, caFile, "describe");
    assert.equal(stranger.status, 6, stranger.stderr);
    assert.match(stranger.stderr, /UNAUTHENTICATED/);
  },
  "another host operates it over ssh": async (machine, workstation) => {
    const over = ["--node", `ssh://root@${MACHINE_ADDRESS}`];
    assert.notEqual(workstation.nmctl(...over, "describe").status, 0);
    workstation.allowSsh(machine);
    await operatesFrom(workstation, over);
    // Of the tunnels nothing is left.
    await machine.eventually("! pgrep -f 'sshd: root@[n]otty'");
  },
  "a manager that is killed is back, and so is the application": async (machine) => {
    const before = mainPid(machine);
    machine.ok(`kill -9 ${before}`);
    await isBack(machine, before);
  },
  "a manager that hangs is replaced by the watchdog": async (machine) => {
    const before = mainPid(machine);
    machine.ok(`kill -STOP ${before}`);
    await isBack(machine, before, WATCHDOG_MS);
    assert.match(machine.ok("journalctl -u noded --no-pager -o cat"), /[Ww]atchdog timeout/);
  },
  "an upgrade keeps the settings, the state and what runs": async (machine) => {
    const before = mainPid(machine);
    machine.ok(`sed -i 's/"logLevel": "info"/"logLevel": "debug"/' /etc/noded/noded.json`);
    machine.ok("dpkg -i /root/noded_1.1.0.deb");
    assert.match(machine.ok("cat /etc/noded/noded.json"), /"logLevel": "debug"/);
    await isBack(machine, before);
  },
  "a manager that is disabled stays stopped in an upgrade": async (machine) => {
    machine.ok("systemctl disable --now noded; dpkg -i /root/noded_1.0.0.deb; dpkg -i /root/noded_1.1.0.deb");
    assert.equal(machine.sh("systemctl is-active noded").stdout, "inactive");
    machine.ok("systemctl enable --now noded");
    await machine.eventually(IS_RUNNING);
  },
  "the manager replaces itself": async (machine) => {
    const before = mainPid(machine);
    machine.ok(
      `nmctl publish /root/noded-itself --to file:/srv/repository --title 'node manager' --version ${OWN_VERSION}`,
    );
    machine.ok(`sed -i 's|^{|{ "origin": "file:/srv/repository/node manager",|' /etc/noded/noded.json`);
    machine.ok("systemctl restart noded");
    machine.ok("nmctl update nm --wait");
    assert.equal(machine.ok("test -L /var/lib/noded/current && echo yes"), "yes");
    await isBack(machine, before);
    assert.match(machine.ok(`readlink -f /proc/${mainPid(machine)}/exe`), /^\/var\/lib\/noded\/root\/node-manager\//);
  },
  "an upgrade to an older version than that leaves it running": async (machine) => {
    const before = mainPid(machine);
    machine.ok("dpkg -i /root/noded_1.2.0.deb");
    await isBack(machine, before);
    assert.match(machine.ok(`readlink -f /proc/${mainPid(machine)}/exe`), /^\/var\/lib\/noded\/root\/node-manager\//);
  },
  "an upgrade to a newer version takes over": async (machine) => {
    const before = mainPid(machine);
    machine.ok("dpkg -i /root/noded_3.0.0.deb");
    await isBack(machine, before);
    assert.equal(machine.ok(`readlink -f /proc/${mainPid(machine)}/exe`), "/usr/lib/noded/noded");
    assert.equal(machine.sh("test -L /var/lib/noded/current").status, 1);
  },
  "as root it runs installations as users of their own": async (machine) => {
    const before = mainPid(machine);
    machine.ok(`mkdir -p /etc/systemd/system/noded.service.d; cat > /etc/systemd/system/noded.service.d/root.conf <<END
[Service]
User=root
Group=root
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID
StateDirectoryMode=0711
END
systemctl daemon-reload; systemctl restart noded`);
    await isBack(machine, before);
    machine.ok("nmctl start $(nmctl install file:/srv/repository/hello)");
    assert.match(machine.ok(OF_ACCOUNTS), /^\/proc\/\d+$/);
  },
  "it is removed, and its state and settings stay": async (machine) => {
    machine.ok("dpkg -r noded");
    assert.equal(machine.sh(`ls -l /proc/[0-9]*/exe 2>/dev/null | grep noded; ${OF_ACCOUNTS}`).stdout, "");
    machine.ok("test -d /var/lib/noded/root && test -f /etc/noded/noded.json");
    assert.equal(machine.sh("command -v nmctl").status === 0, false);
  },
  "installed again, it goes on with what it had": async (machine) => {
    machine.ok("dpkg -i /root/noded_3.0.0.deb");
    await machine.eventually(IS_RUNNING);
    assert.match(machine.ok("cat /etc/noded/noded.json"), /"logLevel": "debug"/);
  },
  "purged, it leaves nothing": async (machine) => {
    // What an operator put beside the settings stays the operator's.
    machine.ok("rm -r /etc/noded/tls /etc/systemd/system/noded.service.d; dpkg --purge noded");
    const left = machine.ok(
      "find / -xdev \\( -name '*noded*' -o -name '*nmctl*' \\) -not -path '/root/*' -not -path '/proc/*'",
    );
    assert.equal(left, "");
    assert.equal(machine.sh("getent passwd noded; getent group noded; ls -l /proc/[0-9]*/exe | grep noded").stdout, "");
    assert.equal(machine.ok("systemctl is-system-running"), "running");
  },
};

/** @throws Error when there is none: 0 would stand for whoever asks */
function mainPid(machine: Machine): number {
  const pid = Number(machine.ok("systemctl show -P MainPID noded"));
  assert.ok(pid > 1, "the manager has no process");
  return pid;
}

/** From afar: an instance is started, seen, its output read, and stopped. */
async function operatesFrom(workstation: Workstation, over: readonly string[]): Promise<void> {
  const ok = (...args: readonly string[]) => {
    const { status, stdout, stderr } = workstation.nmctl(...over, ...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const [instance = ""] = ok("start", "apps/hello").split("\n");
  assert.match(ok("status", instance), /running/i);
  assert.equal(ok("logs", instance), "up");
  ok("stop", instance);
  assert.match(workstation.nmctl(...over, "status", instance).stderr, /INSTANCE_NOT_FOUND/);
}

/** Another process serves, and its application runs. */
async function isBack(machine: Machine, before: number, timeoutMs?: number): Promise<void> {
  const isAnother = `test "$(systemctl show -P MainPID noded)" != ${before}`;
  await machine.eventually(`${isAnother} && systemctl is-active noded && ${IS_RUNNING}`, timeoutMs);
}
