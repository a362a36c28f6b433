export { type Managed, type ManageOptions, manage, type StartContext } from "./manage.ts";
export type { Report, Task } from "./stop-task.ts";
