import { Clock, Effect } from "effect"
import type { Code } from "../CodeVersion.ts"
import type * as Pipeline from "../Pipeline.ts"
import * as RunId from "../RunId.ts"
import type { RunOptions } from "../Runner.ts"
import type { ActiveStep, RunRecord, StepRecord } from "../RunRecord.ts"
import type { Any as AnyStep } from "../Step.ts"
import { InvalidInput, RunParamsChanged, type RunError, type StepFailed, type StoreError } from "../UniflowError.ts"
import { codesOf, type ComponentSources } from "./components.ts"
import { History } from "./History.ts"
import * as params from "./params.ts"
import { planSteps, type PlannedStep } from "./plan.ts"
import type { RunnerServices } from "./RunnerServices.ts"

/** A run whose params are decoded and whose record, where there is one, fits them. */
export interface PreparedRun {
  readonly runId: string
  readonly before: RunRecord | undefined
  readonly params: params.RunParams
  readonly codes: ReadonlyMap<AnyStep, Code>
  readonly seed: number
  readonly history: ReadonlyArray<StepRecord>
  /** Steps that an attempt which died or was interrupted was executing; taking the run forgets them. */
  readonly left: ReadonlyArray<ActiveStep>
  readonly secretKey: Uint8Array
}

/** Params as they are given, of a pipeline whose types are not known here. */
export type Given = { readonly [name: string]: unknown }

/** Checks everything that can be checked before a run is taken, and reads what is recorded of it. */
export const prepare = Effect.fnUntraced(function*(
  { codeVersion, hasher, store }: RunnerServices,
  pipeline: Pipeline.Any,
  given: Given,
  options: RunOptions,
  onlyToTell = false
): Effect.fn.Return<PreparedRun, RunError> {
  const codes = yield* codesOf(pipeline.steps, codeVersion)
  // Where nothing was kept there is nothing that a secret would be compared with.
  const { secret: secretKey } = onlyToTell && store.isMade?.() === false ? { secret: new Uint8Array(32) } : yield* store.identity
  const decoded = yield* params.decode(pipeline, given, hasher, secretKey)
  const refused = refuse(pipeline, options)
  if (refused !== undefined) return yield* refused
  const runId = options.runId === undefined ? undefined : yield* RunId.check(options.runId)
  const before = runId === undefined ? undefined : yield* store.run(runId)
  if (before === undefined) {
    const id = runId ?? RunId.make(yield* Clock.currentTimeMillis)
    return { runId: id, before, params: decoded, codes, seed: options.seed ?? 0, history: [], left: [], secretKey }
  }
  if (before.pipeline !== pipeline.name) {
    return yield* new RunParamsChanged({ runId: before.id, pipeline: pipeline.name, changes: [], otherPipeline: before.pipeline })
  }
  const changed = yield* params.changes(pipeline, before.id, before.params, decoded.recorded, hasher, secretKey)
  if (changed !== undefined) return yield* changed
  if (options.seed !== undefined && options.seed !== before.seed) {
    return yield* new RunParamsChanged({ runId: before.id, pipeline: pipeline.name, changes: [{ param: "seed", was: String(before.seed), is: String(options.seed) }] })
  }
  const left = before.status === "running" || before.status === "interrupted" ? (yield* store.active(before.id)).filter(({ once }) => !once) : []
  return { runId: before.id, before, params: decoded, codes, seed: before.seed, history: yield* store.steps(before.id), left, secretKey }
})

/** Options that no run can have. */
const refuse = (pipeline: Pipeline.Any, { concurrency, rerun = [], seed }: RunOptions): InvalidInput | undefined => {
  for (const name of rerun) {
    const step = pipeline.steps.find((step) => step.name === name)
    if (step === undefined) {
      return new InvalidInput({ what: "rerun", issue: `pipeline "${pipeline.name}" has no step "${name}" (it has: ${pipeline.steps.map((step) => step.name).join(", ")})` })
    }
    if (step.definition.once) {
      return new InvalidInput({ what: "rerun", issue: `step "${name}" runs at most once; decide about it by itself: uniflow resolve <run> ${name} --rerun` })
    }
  }
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    return new InvalidInput({ what: "seed", issue: `it must be a whole number, not ${String(seed)}` })
  }
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1)) {
    return new InvalidInput({ what: "concurrency", issue: `it must be a whole number from 1, not ${String(concurrency)}` })
  }
  return undefined
}

/** What the fingerprints of the run's steps are made from. */
export const sourcesOf = ({ codec, environment, files, hasher }: RunnerServices, { codes, params, secretKey }: PreparedRun): ComponentSources => ({
  hasher,
  codes,
  files,
  environment,
  secretKey,
  codecId: codec.id,
  params
})

/** What the run would do, judged by what is recorded of it. */
export const planOf = (
  services: RunnerServices,
  pipeline: Pipeline.Any,
  prepared: PreparedRun,
  options: RunOptions,
  history = new History(prepared.history)
): Effect.Effect<ReadonlyArray<PlannedStep>, StoreError | StepFailed<unknown>> =>
  planSteps(pipeline, {
    history,
    sources: sourcesOf(services, prepared),
    objects: services.objects,
    seed: prepared.seed,
    mode: options.mode ?? "auto",
    rerun: new Set(options.rerun),
    runId: prepared.runId
  })
