import packageJson from "../package.json" with { type: "json" };

/** Of this manager, a semantic version. */
export const version: string = packageJson.version;
