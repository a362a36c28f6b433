import packageJson from "../../package.json" with { type: "json" };
import { document, type Output } from "../output.ts";

/** `version`. */
export function version(): Output {
  const json = { version: packageJson.version, node_js: process.versions.node };
  return document({ name: json.version, json: () => json, text: () => json.version });
}
