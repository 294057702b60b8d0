/**
 * Why each step of a run was executed, restored, taken from another run or skipped.
 *
 * A value that prints itself as text; `toJSON` gives the same as data.
 */
import { Effect } from "effect"
import { type Decision, formatReason } from "./Decision.ts"
import { decisionOf, snapshot } from "./RunSnapshot.ts"
import type { RunNotFound, StoreError } from "./UniflowError.ts"
import type { RunStore } from "./RunStore.ts"

/** The decision about one step, or about one item of a map. */
export interface ExplainedStep extends Decision {
  /** The step's address. */
  readonly name: string
}

export interface Explanation {
  readonly runId: string
  readonly steps: ReadonlyArray<ExplainedStep>
  /** One line a step, each further reason on a line of its own. */
  toString(): string
  toJSON(): { readonly runId: string; readonly steps: ReadonlyArray<ExplainedStep> }
}

const inspect = Symbol.for("nodejs.util.inspect.custom")

// Stored text may hold anything; on a terminal it must not.
const plain = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)

const format = (runId: string, steps: ReadonlyArray<ExplainedStep>): string => {
  const width = Math.max(0, ...steps.map(({ name }) => plain(name).length))
  const lines = steps.flatMap(({ name, decision, reasons }) => {
    const [first = "", ...others] = reasons.map((reason) => plain(formatReason(reason)))
    const head = `  ${plain(name).padEnd(width)}  ${decision.padEnd(8)}  ${first}`.trimEnd()
    return [head, ...others.map((reason) => `  ${" ".repeat(width)}            ${reason}`)]
  })
  return [`Run ${plain(runId)}`, ...lines].join("\n")
}

/** An explanation from decisions. */
export const make = (runId: string, steps: ReadonlyArray<ExplainedStep>): Explanation => {
  const explanation = {
    runId,
    steps,
    toString: () => format(runId, steps),
    toJSON: () => ({ runId, steps })
  }
  return Object.defineProperty(explanation, inspect, { value: () => format(runId, steps) })
}

/** The explanation of a recorded run; items of maps only where `items` is asked for. */
export const explain = (
  runId: string,
  options?: { readonly step?: string | undefined; readonly items?: boolean | undefined }
): Effect.Effect<Explanation, RunNotFound | StoreError, RunStore> =>
  Effect.map(snapshot(runId), ({ steps }) =>
    make(
      runId,
      steps
        .filter((state) => options?.step === undefined || state.address === options.step || state.step === options.step)
        .filter((state) => options?.items === true || options?.step !== undefined || state.address === state.step)
        .map((state) => ({ name: state.address, ...decisionOf(state) }))
    ))
