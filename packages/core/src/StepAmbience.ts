/**
 * Which step the code that runs just now belongs to, where the platform can tell (`@uniflow/node` does it by
 * asynchronous context).
 *
 * It is what keeps `console` output with a step that asks for it, and what lets `PipelineCheckpoint.save` of the
 * package `uniflow` be called anywhere below a step's function. The default knows of nothing.
 */
import { Context } from "effect"
import type { LogLevel } from "./RunRecord.ts"
import type { StepContext } from "./StepContext.ts"

/** The step that some code belongs to. */
export interface Ambient {
  readonly context: StepContext
  /** Where lines printed with `console` go besides; undefined for steps that did not ask for it. */
  readonly print: ((level: LogLevel, message: string) => void) | undefined
}

export interface StepAmbienceService {
  /** Runs a function; it, and everything asynchronous that it starts, belongs to the step. */
  readonly around: <A>(ambient: Ambient, f: () => A) => A
}

/** The ambience in use. */
export const StepAmbience: Context.Reference<StepAmbienceService> = Context.Reference<StepAmbienceService>("@uniflow/core/StepAmbience", {
  defaultValue: () => ({ around: (_, f) => f() })
})
