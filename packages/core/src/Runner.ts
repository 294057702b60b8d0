/**
 * Runs pipelines: takes the run, restores what answers, executes the rest, and records everything.
 *
 * `run` gives the result of a completed run or fails with one of `RunError`; whatever it ends in, interruption
 * included, the record is consistent and the same call resumes it. `plan` tells beforehand what would happen.
 */
import { Context, Effect, Layer } from "effect"
import type { ArtifactStore } from "./ArtifactStore.ts"
import type { Codec } from "./Codec.ts"
import { answerAgain } from "./internal/answerAgain.ts"
import type { RunMode } from "./internal/matching.ts"
import * as params from "./internal/params.ts"
import { type Part, reruns, stepsOf } from "./internal/part.ts"
import type { PlannedStep } from "./internal/plan.ts"
import { type Given, planOf, prepare } from "./internal/PreparedRun.ts"
import { attemptRun, type Chosen } from "./internal/RunAttempt.ts"
import { gather } from "./internal/RunnerServices.ts"
import type { StopRequest } from "./internal/StopRequest.ts"
import type { Fork } from "./internal/takeRun.ts"
import type * as Pipeline from "./Pipeline.ts"
import * as RunId from "./RunId.ts"
import type * as RunResult from "./RunResult.ts"
import type { RunStore } from "./RunStore.ts"
import { InvalidInput, RunNotFound, RunParamsChanged, type RunError } from "./UniflowError.ts"

/** How long a lease is valid without a heartbeat, in milliseconds. */
export const LEASE_MS = 15_000

/** Deaths of its process in a row after which a run is not resumed by itself any more. */
export const CRASH_LIMIT = 3

export interface RunOptions {
  /** Names the run; the same id resumes it. Default: a new one. */
  readonly runId?: string | undefined
  /** The group of runs it belongs to. Default: the pipeline's. */
  readonly experiment?: string | undefined
  /** What `random` derives from. Default 0. */
  readonly seed?: number | undefined
  /** `auto` (default), `strict`: a saved output that no longer answers is an error; `trust`: it is reused by name. */
  readonly mode?: RunMode | undefined
  /** Names of steps to execute whatever is saved. */
  readonly rerun?: ReadonlyArray<string> | undefined
  /** Name of a step to execute whatever is saved, with everything that stands after it. */
  readonly from?: string | undefined
  /** Steps executed at the same time. Default 8. */
  readonly concurrency?: number | undefined
  readonly tags?: { readonly [key: string]: string } | undefined
  /** Taken by itself after a crash: refused with `CrashLoop` when the run took its process down too often. */
  readonly automatic?: boolean | undefined
  /** Makes a run stop when it is asked: `RunInterrupted` with the reason. */
  readonly cancel?: StopRequest | undefined
  /** Called once the run is taken, with its id and the number of the attempt. */
  readonly onStart?: ((started: { readonly runId: string; readonly attempt: number }) => void) | undefined
}

/** What would happen to each step. */
export interface Plan {
  readonly runId: string | undefined
  readonly steps: ReadonlyArray<PlannedStep>
}

/** Options of a fork; params that are not given are the parent's. */
export interface ForkOptions<P extends Pipeline.Any> extends RunOptions {
  /** Params that differ from the parent's, and secrets, which are not recorded. */
  readonly params?: Partial<Pipeline.Params<P>> | undefined
}

export interface RunnerService {
  /** Runs a pipeline, or resumes a run of it. Params are given as their schemas take them. */
  readonly run: <P extends Pipeline.Any>(
    pipeline: P,
    params: Pipeline.Params<P>,
    options?: RunOptions
  ) => Effect.Effect<RunResult.RunResult<P>, RunError<Pipeline.Error<P>>, Pipeline.Requirements<P>>
  /**
   * Brings a part of a run to its outputs. Its status is then `interrupted`, because steps are missing, and running or resuming it
   * as a whole goes on from there; `completed` where nothing is missing. Fails with `InvalidInput` where `only` names a step whose
   * inputs the run has not saved, or where they do not answer any more.
   */
  readonly runPart: <P extends Pipeline.Any>(
    pipeline: P,
    params: Pipeline.Params<P>,
    options: RunOptions & Part
  ) => Effect.Effect<RunResult.PartialResult<P>, RunError<Pipeline.Error<P>>, Pipeline.Requirements<P>>
  /** Resumes a run with the params it was started with; `secrets` gives again what is not recorded. */
  readonly resume: <P extends Pipeline.Any>(
    pipeline: P,
    runId: string,
    options?: RunOptions & { readonly secrets?: Partial<Pipeline.Params<P>> | undefined }
  ) => Effect.Effect<RunResult.RunResult<P>, RunError<Pipeline.Error<P>>, Pipeline.Requirements<P>>
  /**
   * A new run from another one, its parent: with the parent's params, seed and experiment where no others are given. It takes
   * over every outcome and manual checkpoint of the parent that still answers, and is complete without it afterwards.
   */
  readonly fork: <P extends Pipeline.Any>(
    pipeline: P,
    parent: string,
    options?: ForkOptions<P>
  ) => Effect.Effect<RunResult.RunResult<P>, RunError<Pipeline.Error<P>>, Pipeline.Requirements<P>>
  /** Tells what a run would do, and changes nothing. */
  readonly plan: <P extends Pipeline.Any>(
    pipeline: P,
    params: Pipeline.Params<P>,
    options?: RunOptions
  ) => Effect.Effect<Plan, RunError>
}

/** Runs pipelines in this process. */
export class Runner extends Context.Service<Runner, RunnerService>()("@uniflow/core/Runner") {}

export const make = Effect.gen(function*() {
  const services = yield* gather
  const { store } = services

  const run = Effect.fnUntraced(function*<P extends Pipeline.Any>(
    pipeline: P,
    given: Given,
    asked: RunOptions,
    fork?: Fork,
    part?: Chosen
  ): Effect.fn.Return<RunResult.RunResult<P>, RunError, unknown> {
    const options = { ...asked, rerun: yield* reruns(pipeline, asked) }
    const prepared = yield* prepare(services, pipeline, given, options)
    const { before } = prepared
    if (part?.only !== undefined) {
      const lacking = (yield* planOf(services, pipeline, prepared, options)).find(({ action, step }) => action !== "restore" && step.name !== part.only && part.steps.includes(step))
      if (lacking !== undefined) {
        return yield* new InvalidInput({
          what: "only",
          issue: `step "${part.only}" stands on "${lacking.step.name}", of which run "${prepared.runId}" has no output that answers (${lacking.reasons.map(({ component }) => component).join(", ")}); run that one first, with until: "${part.only}"`
        })
      }
    }
    if (before?.status === "completed") {
      const answered = yield* answerAgain(services, pipeline, before, prepared, options)
      if (answered !== undefined) return answered
    }
    return yield* Effect.scoped(attemptRun(services, pipeline, prepared, options, fork, part))
  })

  const forkOf = Effect.fnUntraced(function*(
    pipeline: Pipeline.Any,
    parent: string,
    { from, params: given, ...options }: ForkOptions<Pipeline.Any>
  ): Effect.fn.Return<RunResult.RunResult<Pipeline.Any>, RunError, unknown> {
    const id = yield* RunId.check(parent)
    const before = yield* store.run(id)
    if (before === undefined) return yield* new RunNotFound({ runId: id })
    if (before.pipeline !== pipeline.name) {
      return yield* new RunParamsChanged({ runId: id, pipeline: pipeline.name, changes: [], otherPipeline: before.pipeline })
    }
    if (from !== undefined && !pipeline.steps.some((step) => step.name === from)) {
      return yield* new InvalidInput({ what: "from", issue: `pipeline "${pipeline.name}" has no step "${from}" (it has: ${pipeline.steps.map((step) => step.name).join(", ")})` })
    }
    const existing = options.runId === undefined ? undefined : yield* store.run(yield* RunId.check(options.runId))
    if (existing !== undefined && existing.parent !== id) return yield* new InvalidInput({ what: "runId", issue: `run "${existing.id}" is no fork of "${id}"` })
    const all = yield* params.fromRecord(pipeline, id, before.params, given)
    const kept = { seed: options.seed ?? before.seed, experiment: options.experiment ?? before.experiment }
    // With those that the pipeline does not have, which are refused.
    return yield* run(pipeline, { ...given, ...all }, { ...options, ...kept }, { parent: id, from })
  })

  const service: RunnerService = {
    // The requirements are the pipeline's; inside, where any pipeline is run, they are not known.
    run: (pipeline, given, options = {}) => run(pipeline, (given ?? {}) as Given, options) as never,
    runPart: (pipeline, given, { only, until, ...options }) =>
      Effect.flatMap(stepsOf(pipeline, { only, until } as Part), (steps) => run(pipeline, (given ?? {}) as Given, options, undefined, { steps, only })) as never,
    resume: (pipeline, runId, options = {}) =>
      Effect.gen(function*() {
        const id = yield* RunId.check(runId)
        const before = yield* store.run(id)
        if (before === undefined) return yield* new RunNotFound({ runId: id })
        const given = yield* params.fromRecord(pipeline, id, before.params, options.secrets)
        return yield* run(pipeline, given, { ...options, runId: id })
      }) as never,
    fork: (pipeline, parent, options = {}) => forkOf(pipeline, parent, options as ForkOptions<Pipeline.Any>) as never,
    plan: (pipeline, given, asked = {}) =>
      Effect.gen(function*() {
        const options = { ...asked, rerun: yield* reruns(pipeline, asked) }
        const prepared = yield* prepare(services, pipeline, (given ?? {}) as Given, options, true)
        const steps = yield* planOf(services, pipeline, prepared, options)
        return { runId: prepared.before?.id, steps }
      })
  }
  return service
})

/** Runs pipelines in this process, on the stores and the codec it is given. */
export const layer: Layer.Layer<Runner, never, RunStore | ArtifactStore | Codec> = Layer.effect(Runner, make)
