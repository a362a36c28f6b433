import { programAndBundle } from "../../tools/build/tsup.ts";

export default programAndBundle("src/main.ts", { name: "nmctl", bundled: "src/bundle.ts" });
