import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CertificateAuthority } from "@nodemanager/testing";
import type { Answer, Machine } from "./machine.ts";
import { runTool } from "./run-tool.ts";

/** Where the machine is, as the workstation sees it. Of the range for benchmarks: no network that anybody uses. */
export const MACHINE_ADDRESS = "198.18.77.1";
const WORKSTATION_ADDRESS = "198.18.77.2";
const PORT = 7443;

/** Two network namespaces with a cable between them. Disposing it removes both. */
export class Cable implements Disposable {
  /** To be given to the machine. */
  readonly machineNamespace: string;
  readonly workstationNamespace: string;

  constructor() {
    // The names of network interfaces have at most 15 characters.
    const id = process.pid.toString(36);
    this.machineNamespace = `nm-machine-${id}`;
    this.workstationNamespace = `nm-desk-${id}`;
    try {
      runTool("ip", ["netns", "add", this.machineNamespace]);
      runTool("ip", ["netns", "add", this.workstationNamespace]);
      const desk = ["netns", this.workstationNamespace];
      runTool("ip", [
        "-n",
        this.machineNamespace,
        "link",
        "add",
        "eth0",
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        ...desk,
      ]);
      for (const [namespace, address] of [
        [this.machineNamespace, MACHINE_ADDRESS],
        [this.workstationNamespace, WORKSTATION_ADDRESS],
      ] as const) {
        runTool("ip", ["-n", namespace, "address", "add", `${address}/30`, "dev", "eth0"]);
        runTool("ip", ["-n", namespace, "link", "set", "eth0", "up"]);
        runTool("ip", ["-n", namespace, "link", "set", "lo", "up"]);
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const namespace of [this.machineNamespace, this.workstationNamespace]) {
      spawnSync("ip", ["netns", "delete", namespace], { stdio: "ignore" });
    }
  }
}

/** Another host that operates the machine over the network, with an `nmctl` and an `ssh` of its own. */
export class Workstation {
  readonly #dir: string;
  readonly #namespace: string;

  /**
   * @param o.executable - that serves as `nmctl` by that name
   * @param o.scratch - a directory to make one's own in
   */
  constructor(cable: Cable, o: { readonly executable: string; readonly scratch: string }) {
    this.#dir = mkdtempSync(join(o.scratch, "desk-"));
    this.#namespace = cable.workstationNamespace;
    mkdirSync(join(this.#dir, "bin"));
    copyFileSync(o.executable, join(this.#dir, "bin/programs"));
    symlinkSync("programs", join(this.#dir, "bin/nmctl"));
    // ssh looks for its settings in the home that the system's list of users has, whatever HOME says.
    const settings = join(this.#dir, "ssh_config");
    writeFileSync(settings, this.#sshSettings());
    writeFileSync(join(this.#dir, "bin/ssh"), `#!/bin/sh\nexec /usr/bin/ssh -F '${settings}' "$@"\n`);
    chmodSync(join(this.#dir, "bin/ssh"), 0o755);
  }

  /** Runs `nmctl` to its end. */
  nmctl(...args: readonly string[]): Answer {
    const env = { PATH: `${join(this.#dir, "bin")}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: this.#dir };
    const { status, stdout, stderr } = spawnSync("ip", ["netns", "exec", this.#namespace, "nmctl", ...args], {
      env,
      encoding: "utf8",
      timeout: 60_000,
    });
    return { status, stdout: stdout.trim(), stderr: stderr.trim() };
  }

  /** Lets the machine's root be logged in to with a key of the workstation's, and trusts the machine's. */
  allowSsh(machine: Machine): void {
    runTool("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(this.#dir, "key")]);
    machine.ok(
      `install -d -m 700 /root/.ssh; echo '${textOf(`${join(this.#dir, "key")}.pub`)}' > /root/.ssh/authorized_keys`,
    );
    const known = machine.ok("cat /etc/ssh/ssh_host_ed25519_key.pub");
    writeFileSync(join(this.#dir, "known_hosts"), `${MACHINE_ADDRESS} ${known}\n`);
  }

  /**
   * Issues certificates for both sides, and lets the manager serve the network with its own.
   *
   * @returns how `nmctl` reaches it
   */
  async allowTls(machine: Machine): Promise<readonly string[]> {
    const authority = await CertificateAuthority.create(this.#dir);
    const node = await authority.issue({ name: "node", hosts: [MACHINE_ADDRESS] });
    const desk = await authority.issue({ name: "desk" });
    machine.ok("install -d -m 750 -g noded /etc/noded/tls");
    for (const [name, file] of Object.entries({ ca: authority.caFile, node: node.certFile, key: node.keyFile })) {
      machine.ok(
        `cat > /etc/noded/tls/${name}.pem <<'END'\n${textOf(file)}\nEND\nchmod 640 /etc/noded/tls/${name}.pem; chgrp noded /etc/noded/tls/${name}.pem`,
      );
    }
    const settings = [
      `"listen": ["unix:/run/noded/noded.sock", "${MACHINE_ADDRESS}:${PORT}"]`,
      '"tlsCert": "/etc/noded/tls/node.pem"',
      '"tlsKey": "/etc/noded/tls/key.pem"',
      '"clientCa": "/etc/noded/tls/ca.pem"',
    ].join(", ");
    machine.ok(`sed -i 's|"listen": \\[[^]]*\\]|${settings}|' /etc/noded/noded.json; systemctl restart noded`);
    return [
      "--node",
      `${MACHINE_ADDRESS}:${PORT}`,
      "--tls-ca",
      authority.caFile,
      "--tls-cert",
      desk.certFile,
      "--tls-key",
      desk.keyFile,
    ];
  }

  #sshSettings(): string {
    return `Host *
IdentityFile ${join(this.#dir, "key")}
IdentitiesOnly yes
UserKnownHostsFile ${join(this.#dir, "known_hosts")}
StrictHostKeyChecking yes
BatchMode yes
`;
  }
}

function textOf(file: string): string {
  return readFileSync(file, "utf8").trim();
}
