import { program } from "../build/tsup.ts";

export default program("src/multi-call.ts", { conditions: ["@nodemanager/source"] });
