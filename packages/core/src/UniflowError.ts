/**
 * The errors that users meet, each tagged, each saying what happened, on which thing, and what to do next.
 *
 * Guard by tag (`error._tag === "RunIsActive"`, `Effect.catchTag`), which also survives two copies of the package.
 * Promise users get the same objects as rejections. Errors that belong to one store's inside are reasons of
 * `StoreError`.
 */
import { Data } from "effect"
import type { Holder } from "./ProcessIdentity.ts"

/** A step failed. `cause` is what it threw or failed with; `error` the same where a step's Effect failed, typed. */
export class StepFailed<out E = unknown> extends Data.TaggedError("StepFailed")<{
  readonly runId: string
  readonly step: string
  readonly cause: unknown
  readonly error: E | undefined
}> {
  override get message(): string {
    return `Step "${this.step}" of run "${this.runId}" failed: ${describe(this.cause)}`
  }
}

/** A step ran longer than its `timeout`. */
export class StepTimedOut extends Data.TaggedError("StepTimedOut")<{
  readonly step: string
  readonly timeoutMs: number
  readonly note?: string | undefined
}> {
  override get message(): string {
    return `Step "${this.step}" ran longer than its timeout of ${this.timeoutMs} ms.${this.note === undefined ? "" : ` ${this.note}`}`
  }
}

/** The outcome of a `once` step is unknown, or would change: a person has to decide. */
export class OutcomeUnknown extends Data.TaggedError("OutcomeUnknown")<{
  readonly runId: string
  readonly step: string
  readonly why: string
}> {
  override get message(): string {
    return `Step "${this.step}" of run "${this.runId}" runs at most once, and ${this.why}. `
      + `Find out what happened, then decide: uniflow resolve ${this.runId} ${this.step} --output <json> | --failed | --rerun.`
  }
}

/** Another living process works on the run. */
export class RunIsActive extends Data.TaggedError("RunIsActive")<{
  readonly runId: string
  readonly holder: Holder
}> {
  override get message(): string {
    const since = new Date(this.holder.sinceMs).toISOString()
    return `Run "${this.runId}" is being worked on by process ${this.holder.pid} on ${this.holder.host}, since ${since}. `
      + `Wait for it, follow it (uniflow watch ${this.runId}), or cancel it (uniflow cancel ${this.runId}).`
  }
}

/** The run id was used before with other params, or by another pipeline. */
export class RunParamsChanged extends Data.TaggedError("RunParamsChanged")<{
  readonly runId: string
  readonly pipeline: string
  readonly changes: ReadonlyArray<{ readonly param: string; readonly was: string; readonly is: string }>
  readonly otherPipeline?: string | undefined
}> {
  override get message(): string {
    return this.otherPipeline === undefined
      ? `Run "${this.runId}" was started with other params: ${
        this.changes.map(({ param, was, is }) => `${param} was ${was}, is ${is}`).join("; ")
      }. Start a new run under another id, or fork this one: uniflow.fork(${this.pipeline}, "${this.runId}", { params }).`
      : `Run "${this.runId}" belongs to pipeline "${this.otherPipeline}", not to "${this.pipeline}". Choose another run id.`
  }
}

export class RunNotFound extends Data.TaggedError("RunNotFound")<{
  readonly runId: string
  readonly hint?: string | undefined
}> {
  override get message(): string {
    return `There is no run "${this.runId}". ${this.hint ?? "uniflow experiment list shows the runs of this store."}`
  }
}

/** The pipeline cannot be run as it is defined; `issues` holds one sentence for each thing that is wrong. */
export class InvalidPipeline extends Data.TaggedError("InvalidPipeline")<{
  readonly pipeline: string
  readonly issues: ReadonlyArray<string>
}> {
  override get message(): string {
    return `Pipeline "${this.pipeline}" cannot be used: ${this.issues.join(" ")}`
  }
}

/** Input from outside (params, a run id, a name) is not acceptable; nothing was started or changed. */
export class InvalidInput extends Data.TaggedError("InvalidInput")<{
  readonly what: string
  readonly issue: string
}> {
  override get message(): string {
    return `${this.what}: ${this.issue}`
  }
}

/** A value cannot be saved so that it would come back equal. */
export class UnsavableValue extends Data.TaggedError("UnsavableValue")<{
  readonly what: string
  readonly path: string
  readonly reason: string
}> {
  override get message(): string {
    return `${this.what} cannot be saved: at ${this.path}, ${this.reason}. `
      + "Return plain data, or give the step a schema that encodes it (output: Schema)."
  }
}

/** Saved bytes are missing, damaged or no longer decode. */
export class CorruptArtifact extends Data.TaggedError("CorruptArtifact")<{
  readonly digest: string
  readonly what: string
  readonly reason: string
}> {
  override get message(): string {
    return `${this.what} (${this.digest.slice(0, 12)}…) cannot be loaded: ${this.reason}. Have the step that made it executed again: --rerun <step>, or the option \`rerun\`.`
  }
}

/** No manual checkpoint of that name answers for the step as it is now. */
export class CheckpointNotFound extends Data.TaggedError("CheckpointNotFound")<{
  readonly name: string
  readonly step: string
}> {
  override get message(): string {
    return `Step "${this.step}" has no checkpoint "${this.name}" that still answers. `
      + "Use checkpoint.latest(name), which gives undefined, or save one first."
  }
}

/** A manual checkpoint, metrics or the current run were used where no step runs, or in an order that has no meaning. */
export class CheckpointMisuse extends Data.TaggedError("CheckpointMisuse")<{ readonly issue: string }> {
  override get message(): string {
    return this.issue
  }
}

/** The run was cancelled or its process was asked to stop; it is consistent and resumes. */
export class RunInterrupted extends Data.TaggedError("RunInterrupted")<{ readonly runId: string; readonly why: string }> {
  override get message(): string {
    return `Run "${this.runId}" was interrupted (${this.why}). Resume it: uniflow resume ${this.runId}.`
  }
}

/** In `strict` mode a step would have to run again. */
export class StrictMismatch extends Data.TaggedError("StrictMismatch")<{
  readonly runId: string
  readonly steps: ReadonlyArray<{ readonly step: string; readonly because: string }>
}> {
  override get message(): string {
    return `Run "${this.runId}" cannot be restored as it was: ${
      this.steps.map(({ step, because }) => `"${step}" would run again (${because})`).join("; ")
    }. Nothing was executed. Run it with mode "auto" to let these steps run again.`
  }
}

/** The run took its process down too often. */
export class CrashLoop extends Data.TaggedError("CrashLoop")<{ readonly runId: string; readonly attempts: number }> {
  override get message(): string {
    return `Run "${this.runId}" took its process down ${this.attempts} times in a row and is not started again by itself. `
      + `Look at its last step (uniflow experiment show ${this.runId}), then resume it by hand: uniflow resume ${this.runId}.`
  }
}

/** What went wrong in a store, so that callers can tell what to do. */
export type StoreReason =
  | "Busy"
  | "Corrupt"
  | "Full"
  | "LeaseLost"
  | "NewerFormat"
  | "NotPermitted"
  | "NotSupported"
  | "RunExists"
  | "Unavailable"
  | "Unknown"

/** A store could not do what was asked; `retryable` tells whether the same call may succeed later. */
export class StoreError extends Data.TaggedError("StoreError")<{
  readonly reason: StoreReason
  readonly what: string
  readonly cause?: unknown
}> {
  get retryable(): boolean {
    return this.reason === "Busy" || this.reason === "Unavailable"
  }
  override get message(): string {
    return this.cause === undefined ? this.what : `${this.what}: ${describe(this.cause)}`
  }
}

/** One line about anything that was thrown. */
export const describe = (cause: unknown): string => {
  if (typeof cause === "string") return cause
  try {
    if (cause instanceof Error) return cause.message === "" ? cause.name : String(cause.message)
    if (typeof cause !== "object" || cause === null) return String(cause)
    return JSON.stringify(cause) ?? String(cause)
  } catch {
    return "something that cannot be shown"
  }
}

/** Everything that a run can end in, besides what its steps require. */
export type RunError<E = unknown> =
  | StepFailed<E>
  | StepTimedOut
  | OutcomeUnknown
  | RunIsActive
  | RunParamsChanged
  | RunNotFound
  | InvalidPipeline
  | InvalidInput
  | UnsavableValue
  | CorruptArtifact
  | RunInterrupted
  | StrictMismatch
  | CrashLoop
  | StoreError
