import { programAndBundle } from "../../tools/build/tsup.ts";

export default programAndBundle("src/main.ts", { name: "noded", bundled: "src/bundle.ts" });
