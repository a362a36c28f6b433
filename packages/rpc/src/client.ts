export { type ConnectNodeOptions, connectNode, type NodeClient } from "./connect-node.ts";
