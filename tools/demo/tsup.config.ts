import { program } from "../build/tsup.ts";

export default program("src/orderly.ts");
