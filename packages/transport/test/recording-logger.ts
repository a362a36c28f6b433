import type { LogFields, Logger, LogLevel } from "@nodemanager/core";

export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps what is logged. */
export class RecordingLogger implements Logger {
  readonly records: LogRecord[] = [];

  debug(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "debug", message, fields });
  }
  info(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "info", message, fields });
  }
  warn(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "warn", message, fields });
  }
  error(message: string, fields: LogFields = {}): void {
    this.records.push({ level: "error", message, fields });
  }
  child(): Logger {
    return this;
  }

  /** What is said of calls. */
  get calls(): LogFields[] {
    return this.records.filter(({ message }) => message === "rpc").map(({ fields }) => fields);
  }
}
