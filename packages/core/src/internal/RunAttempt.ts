import { Cause, Clock, Effect, Exit, Result, Semaphore } from "effect"
import type * as Pipeline from "../Pipeline.ts"
import type { RunOptions } from "../Runner.ts"
import type { RunStatus, StepRecord } from "../RunRecord.ts"
import type { RunResult } from "../RunResult.ts"
import type { RunStoreService } from "../RunStore.ts"
import type { Any as AnyStep } from "../Step.ts"
import { RunInterrupted, type RunError, StepFailed, StoreError, StrictMismatch } from "../UniflowError.ts"
import { EffectBridge } from "./EffectBridge.ts"
import { History } from "./History.ts"
import * as params from "./params.ts"
import { Parent } from "./Parent.ts"
import { andAfter } from "./part.ts"
import { planOf, type PreparedRun, sourcesOf } from "./PreparedRun.ts"
import { loadOutputs, resultOf } from "./results.ts"
import type { RunnerServices } from "./RunnerServices.ts"
import { RunSession } from "./RunSession.ts"
import { walk } from "./schedule.ts"
import { Damaged, type StepError } from "./StepExecutor.ts"
import { StepRunner } from "./StepRunner.ts"
import { storedError } from "./storedError.ts"
import { type Fork, forkedFrom, takeRun } from "./takeRun.ts"
import { TrackingBuffer } from "./TrackingBuffer.ts"

/** The part of a pipeline that an attempt is about, and the step that alone may be executed. */
export interface Chosen {
  readonly steps: ReadonlyArray<AnyStep>
  readonly only: string | undefined
}

/** One attempt at a run: takes it, brings its steps to their outputs, and records how it ended. */
export const attemptRun = Effect.fnUntraced(function*<P extends Pipeline.Any>(
  services: RunnerServices,
  pipeline: P,
  prepared: PreparedRun,
  options: RunOptions,
  fork: Fork | undefined,
  part: Chosen | undefined
): Effect.fn.Return<RunResult<P>, RunError, unknown> {
  const { ambience, artifactStore, artifacts, environment, files, flights, hasher, objects, spill, store } = services
  const { runId, seed } = prepared
  const wanted = part?.steps ?? pipeline.steps
  const isWhole = wanted.length === pipeline.steps.length
  if (options.mode === "strict" && prepared.before !== undefined) yield* refuseMismatches(services, pipeline, prepared, options)
  const clock = yield* Clock.Clock
  const now = (): number => clock.currentTimeMillisUnsafe()
  const begun = now()
  const redact = params.withoutSecrets(prepared.params, environment.redact)
  const experiment = prepared.before?.experiment ?? options.experiment ?? pipeline.experiment
  const surroundings = yield* environment.capture
  const claim = yield* takeRun(services, pipeline, { prepared, options, experiment, fork, surroundings, redact, now })
  const { attempt } = claim
  options.onStart?.({ runId, attempt })
  const records = claim.created ? [] : yield* store.steps(runId)
  const left = claim.created ? [] : yield* store.active(runId)
  const tracking = new TrackingBuffer({ runId, attempt, firstLogSeq: claim.created ? 1 : (yield* lastLogSeq(store, runId)) + 1, spill, redact })
  const session = new RunSession({
    runId,
    pipeline: pipeline.name,
    experiment,
    attempt,
    seed,
    params: prepared.params,
    hasher,
    objects,
    tracking,
    history: new History(records),
    now,
    clock,
    redact,
    store,
    files,
    artifactStore,
    token: claim.token
  })
  const naming = { runId, attempt, createdAtMs: begun }
  session.attach(yield* artifacts.code(prepared.codes, naming))
  if (surroundings.git?.dirty === true) yield* session.attachLater(artifacts.patch(naming))
  const bridge = new EffectBridge(yield* Effect.context<never>())
  const origin = forkedFrom(claim, fork)
  const stop = { requested: false }
  const concurrency = options.concurrency ?? 8
  const steps = new StepRunner({
    session,
    sources: sourcesOf(services, prepared),
    mode: options.mode ?? "auto",
    rerun: new Set(options.rerun),
    concurrency,
    permits: Semaphore.makeUnsafe(concurrency),
    bridge,
    ambience,
    flights,
    parent: origin === undefined ? undefined : new Parent(store, origin.parent, andAfter(pipeline, origin.from)),
    left: new Map([...prepared.left, ...left].map((active) => [active.address, active])),
    stopping: () => stop.requested
  })
  const resolve = (step: AnyStep, known: ReadonlyMap<AnyStep, StepRecord>, isAlone: boolean) => {
    // Where outputs cannot be read at once they are loaded first: one that is damaged is made again.
    session.isLast = () => objects.readsNow && known.size === pipeline.steps.length - 1
    return steps.resolve(step, known, isAlone)
  }
  const met = new Set<string>()
  const graph = Effect.gen(function*() {
    for (;;) {
      const { records, failure } = yield* walk(wanted, resolve, stop)
      let damaged: unknown
      if (failure === undefined) {
        const loaded = yield* Effect.result(loadOutputs(objects, records))
        if (Result.isSuccess(loaded)) return { records, loaded: loaded.success }
        if (loaded.failure._tag === "StoreError") return yield* loaded.failure
        damaged = new Damaged(loaded.failure)
      } else damaged = Cause.squash(failure)
      if (!(damaged instanceof Damaged)) return yield* Effect.failCause(failure as Cause.Cause<Exclude<StepError, Damaged>>)
      // What was saved anew and still cannot be loaded never will be.
      if (met.has(damaged.error.digest) || part?.only !== undefined) return yield* damaged.error
      met.add(damaged.error.digest)
      steps.keep(records)
      stop.requested = false
    }
  })
  options.cancel?.listen((why) => session.stop(new RunInterrupted({ runId, why })))
  const end = (status: Exclude<RunStatus, "pending" | "running">, error: unknown, failedStep: string | null): Effect.Effect<void, StoreError> =>
    Effect.andThen(session.flush(), Effect.suspend(() =>
      session.submit([{ _tag: "AttemptEnded", attempt, status, endedAtMs: now(), error: error === undefined ? null : storedError(error, redact), failedStep }])))
  const ending = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void, StoreError> => {
    if (Exit.isSuccess(exit)) return end(isWhole ? "completed" : "interrupted", undefined, null)
    const error = Cause.squash(exit.cause)
    if (error instanceof StoreError && error.reason === "LeaseLost") return Effect.void
    return Cause.hasInterruptsOnly(exit.cause) || error instanceof RunInterrupted
      ? Effect.ignore(end("interrupted", undefined, null))
      : Effect.ignore(end("failed", error, error instanceof StepFailed ? error.step : stepOf(error)))
  }
  const over = (): Effect.Effect<void> => {
    tracking.close()
    return bridge.close
  }
  const done = yield* Effect.onExit(session.untilStopped(graph), (exit) => session.completed ? over() : Effect.ensuring(ending(exit), Effect.suspend(over)))
  const series = yield* session.allSeries
  return resultOf(pipeline, {
    id: runId,
    experiment,
    params: prepared.params.recorded,
    seed,
    isWhole,
    attempt,
    durationMs: now() - begun,
    ...done,
    series,
    objects,
    warnings: tracking.warnings
  })
})

/** Refuses every mismatch that can be known before anything executes. */
const refuseMismatches = Effect.fnUntraced(function*(
  services: RunnerServices,
  pipeline: Pipeline.Any,
  prepared: PreparedRun,
  options: RunOptions
): Effect.fn.Return<void, RunError> {
  const known = (yield* planOf(services, pipeline, prepared, options)).filter((step) => step.mismatch)
  if (known.length === 0) return
  return yield* new StrictMismatch({
    runId: prepared.runId,
    steps: known.map(({ step, reasons }) => ({ step: step.name, because: reasons.map((reason) => reason.component).join(", ") }))
  })
})

const lastLogSeq = Effect.fnUntraced(function*(store: RunStoreService, runId: string): Effect.fn.Return<number, StoreError> {
  let last = 0
  for (;;) {
    const page = yield* store.logs(runId, { after: last })
    if (page.length === 0) return last
    last = page.at(-1)!.seq
  }
})

const stepOf = (error: unknown): string | null =>
  typeof error === "object" && error !== null && "step" in error && typeof error.step === "string" ? error.step : null
