/**
 * Keeps what a step prints with `console` beside its log, for steps that ask for it (`console: true`).
 *
 * Which step printed a line can only be told with the platform's help (`@uniflow/node` uses asynchronous context);
 * the default keeps nothing and leaves the console alone.
 */
import { Context } from "effect"
import type { LogLevel } from "./RunRecord.ts"

export interface ConsoleCaptureService {
  /** Runs a function; what it and everything asynchronous that it starts prints also goes to `sink`. */
  readonly around: <A>(sink: (level: LogLevel, message: string) => void, f: () => A) => A
}

/** The console capture in use. */
export const ConsoleCapture: Context.Reference<ConsoleCaptureService> = Context.Reference<ConsoleCaptureService>(
  "@uniflow/core/ConsoleCapture",
  { defaultValue: () => ({ around: (_, f) => f() }) }
)
