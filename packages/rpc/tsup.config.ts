import { library } from "../../tools/build/tsup.ts";

export default library(["src/server.ts", "src/client.ts"]);
