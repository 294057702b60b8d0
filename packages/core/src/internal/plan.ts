import { Effect } from "effect"
import type { Reason } from "../Decision.ts"
import * as Fingerprint from "../Fingerprint.ts"
import * as Pipeline from "../Pipeline.ts"
import type { FingerprintComponents, StepRecord } from "../RunRecord.ts"
import type { Any as AnyStep } from "../Step.ts"
import { StepFailed, type StoreError } from "../UniflowError.ts"
import { type ComponentSources, define, ownComponents } from "./components.ts"
import type { History } from "./History.ts"
import { match, type RunMode } from "./matching.ts"
import type { Objects } from "./Objects.ts"

/** What would happen to a step: restored, executed, or it depends on what a step before it gives. */
export interface PlannedStep {
  readonly step: AnyStep
  readonly action: "restore" | "execute" | "depends"
  readonly reasons: ReadonlyArray<Reason>
  /** The step it depends on. */
  readonly dependsOn: string | undefined
  /** The outcome that would be restored. */
  readonly record: StepRecord | undefined
  readonly trusted: boolean
  /** Whether a saved outcome is there that does not answer. */
  readonly mismatch: boolean
}

export interface PlanOptions {
  readonly history: History
  readonly sources: ComponentSources
  readonly objects: Objects
  readonly seed: number
  readonly mode: RunMode
  readonly rerun: ReadonlySet<string>
  readonly runId: string
}

/** Tells for every step, in order, what a run would do with it. */
export const planSteps = Effect.fnUntraced(function*(
  pipeline: Pipeline.Any,
  options: PlanOptions
): Effect.fn.Return<ReadonlyArray<PlannedStep>, StoreError | StepFailed<unknown>> {
  const { history, objects, sources } = options
  const planned = new Map<AnyStep, PlannedStep>()
  for (const step of pipeline.steps) {
    const own = yield* Effect.suspend(() => ownComponents(step, sources)).pipe(
      Effect.catchDefect((cause) => Effect.fail(new StepFailed({ runId: options.runId, step: step.name, cause, error: undefined })))
    )
    const inputs: Record<string, string> = {}
    let dependsOn: string | undefined
    for (const [name, input] of Pipeline.inputsOf(step)) {
      const before = planned.get(input)!
      const output = before.record?.output ?? undefined
      if (output === undefined) dependsOn ??= input.name
      else define(inputs, name, output.digest)
    }
    const outcomes = history.of(step.name)
    const base = { step, dependsOn: undefined, record: undefined, trusted: false, mismatch: false }
    if (dependsOn !== undefined && !options.rerun.has(step.name)) {
      // What can be known without the missing input: whether anything saved could still answer.
      const possible = outcomes.some((record) =>
        record.status !== "failed" && record.components !== null && own.code.kind !== "unknown"
        && Fingerprint.diff(record.components, { ...own.components, inputs: record.components.inputs }).length === 0)
      if (possible || (options.mode === "trust" && outcomes.some((record) => record.status !== "failed"))) {
        planned.set(step, { ...base, action: "depends", dependsOn, reasons: [{ component: `input ${dependsOn}`, note: "not known before it has run" }] })
        continue
      }
    }
    const components: FingerprintComponents = { ...own.components, inputs }
    const fingerprint = own.code.kind === "unknown" ? "" : Fingerprint.hash(sources.hasher, step.name, components)
    const wanted = { fingerprint, components: dependsOn === undefined ? components : withKnownInputs(components, outcomes), code: own.code, seed: options.seed }
    const found = yield* match(outcomes, wanted, objects, { mode: options.mode, rerun: options.rerun.has(step.name), interrupted: false })
    planned.set(
      step,
      found.found === undefined
        ? { ...base, action: "execute", reasons: found.reasons, mismatch: found.mismatch }
        : { ...base, action: "restore", record: found.found, reasons: found.reasons, trusted: found.trusted }
    )
  }
  return [...planned.values()]
})

/** Inputs that are not known yet are taken as unchanged, so that they are not named as a reason. */
const withKnownInputs = (components: FingerprintComponents, outcomes: ReadonlyArray<StepRecord>): FingerprintComponents => ({
  ...components,
  inputs: outcomes.findLast((record) => record.components !== null)?.components?.inputs ?? components.inputs
})
