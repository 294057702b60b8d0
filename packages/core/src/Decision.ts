/**
 * What the runner did with a step, and why.
 *
 * Every decision is stored with its reasons: the part of the fingerprint that decided, its old value, its new value,
 * and the run the result came from. `explain` prints them, tests assert them.
 */
import { Schema } from "effect"

/** `executed`: it ran. `restored`: the run's own saved output answered. `cached`: another run's did. `skipped`: `when` said no. */
export const DecisionKind = Schema.Literals(["executed", "restored", "cached", "skipped"])
export type DecisionKind = typeof DecisionKind.Type

/**
 * One reason. `component` names the part of the fingerprint (`code`, `param learningRate`, `input load`,
 * `file data.csv`, `env MODEL`, `seed`, `codec`, `output schema`) or what else decided: `first` (no saved output),
 * `failed`, `interrupted`, `checkpoint` (a manual one was loaded), `artifact` (missing or damaged), `rerun`, `match`, `cache`, `when`, `trusted`, `resolved`.
 */
export const Reason = Schema.Struct({
  component: Schema.String,
  old: Schema.optionalKey(Schema.String),
  new: Schema.optionalKey(Schema.String),
  /** The run whose result was used, where it is another one. */
  sourceRun: Schema.optionalKey(Schema.String),
  /** A sentence for people, where the rest does not say it all. */
  note: Schema.optionalKey(Schema.String)
})
export type Reason = typeof Reason.Type

/** What `run.decisions` holds for each step. `durationMs` is the execution's own; 0 for a step that was restored. */
export interface Decision {
  readonly decision: DecisionKind
  readonly reasons: ReadonlyArray<Reason>
  readonly attempt: number
  readonly durationMs: number
}

/** A reason in one line: `param learningRate: 0.1 -> 0.5`. */
export const formatReason = (reason: Reason): string => {
  const change = reason.old !== undefined && reason.new !== undefined
    ? `: ${reason.old} -> ${reason.new}`
    : reason.new !== undefined
    ? `: ${reason.new}`
    : reason.old !== undefined
    ? `: was ${reason.old}`
    : ""
  const source = reason.sourceRun === undefined ? "" : ` (from run ${reason.sourceRun})`
  const note = reason.note === undefined ? "" : change === "" && source === "" ? `: ${reason.note}` : `, ${reason.note}`
  return `${reason.component}${change}${source}${note}`
}
