import { program } from "../../tools/build/tsup.ts";

export default program(["src/main.ts"], { splitting: true });
