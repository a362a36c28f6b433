export { appCycleClient } from "./app-cycle-client.ts";
export { callBack } from "./call-back.ts";
export { callbackListener, createCallbackListener } from "./callback-listener.ts";
export { registerNode, type ServeNodeOptions, serveNode } from "./serve-node.ts";
export { trialClient } from "./trial-client.ts";
