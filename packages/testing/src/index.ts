export { binaryOf } from "./binary-of.ts";
export { CertificateAuthority, type CertificateFiles } from "./certificate-authority.ts";
export { FakeClock } from "./fake-clock.ts";
export { type FlakyProxy, flakyProxy } from "./flaky-proxy.ts";
export { mayEverybodyPass } from "./may-everybody-pass.ts";
export { collect, failureOf, reasonOf } from "./reason.ts";
export { paxOf, type TarPart, tarOf } from "./tar.ts";
export { type TempDir, tempDir } from "./temp-dir.ts";
