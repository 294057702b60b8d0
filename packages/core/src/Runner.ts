/**
 * Runs pipelines: takes the run, restores what answers, executes the rest, and records everything.
 *
 * `run` gives the result of a completed run or fails with one of `RunError`; whatever it ends in, interruption
 * included, the record is consistent and the same call resumes it. `plan` tells beforehand what would happen.
 */
import { Cause, Clock, Context, Effect, Exit, FiberSet, Layer, Option, Result, Semaphore } from "effect"
import { ArtifactStore } from "./ArtifactStore.ts"
import { Codec, type Encoded, encodedOf } from "./Codec.ts"
import { CODE_MEDIA_TYPE, encodeParts } from "./CodeParts.ts"
import { type Code, CodeVersion } from "./CodeVersion.ts"
import { StepAmbience } from "./StepAmbience.ts"
import { Environment } from "./Environment.ts"
import { Hasher } from "./Hasher.ts"
import { codesOf, type ComponentSources } from "./internal/components.ts"
import { Flights } from "./internal/Flights.ts"
import { History, restored } from "./internal/History.ts"
import { loadOutput } from "./internal/manifest.ts"
import { MATCHED, type RunMode } from "./internal/matching.ts"
import { Objects } from "./internal/Objects.ts"
import { Parent } from "./internal/Parent.ts"
import * as params from "./internal/params.ts"
import { andAfter, type Part, reruns, stepsOf } from "./internal/part.ts"
import { planSteps, type PlannedStep } from "./internal/plan.ts"
import { RunSession } from "./internal/RunSession.ts"
import { walk } from "./internal/schedule.ts"
import { Damaged, type StepError } from "./internal/StepExecutor.ts"
import { StepRunner } from "./internal/StepRunner.ts"
import type { StopRequest } from "./internal/StopRequest.ts"
import { storedError } from "./internal/storedError.ts"
import { TrackingBuffer } from "./internal/TrackingBuffer.ts"
import type * as Pipeline from "./Pipeline.ts"
import { ProcessIdentity } from "./ProcessIdentity.ts"
import * as RunId from "./RunId.ts"
import type { ActiveStep, RunRecord, RunStatus, StepRecord } from "./RunRecord.ts"
import * as RunResult from "./RunResult.ts"
import { type Change, RunStore } from "./RunStore.ts"
import { SourceFiles } from "./SourceFiles.ts"
import { Spill } from "./Spill.ts"
import type { Any as AnyStep } from "./Step.ts"
import {
  type CorruptArtifact,
  CrashLoop,
  InvalidInput,
  RunInterrupted,
  RunNotFound,
  RunParamsChanged,
  type RunError,
  StepFailed,
  StoreError,
  StrictMismatch
} from "./UniflowError.ts"

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

/** Which run a fork is made from, and the step from which on nothing is taken over. */
interface Fork {
  readonly parent: string
  readonly from: string | undefined
}

/** The part of a pipeline that an attempt is about, and the step that alone may be executed. */
interface Chosen {
  readonly steps: ReadonlyArray<AnyStep>
  readonly only: string | undefined
}

/** The tag under which a fork's `from` is kept. */
const FROM = "fork.from"

type Loose = { readonly [name: string]: unknown }

/** A run whose params are decoded and whose record, where there is one, fits them. */
interface Prepared {
  readonly runId: string
  readonly before: RunRecord | undefined
  readonly params: params.RunParams
  readonly codes: ReadonlyMap<AnyStep, Code>
  readonly seed: number
  readonly history: ReadonlyArray<StepRecord>
  /** Steps that an attempt which died or was interrupted was executing; taking the run forgets them. */
  readonly left: ReadonlyArray<ActiveStep>
}

export const make = Effect.gen(function*() {
  const store = yield* RunStore
  const artifactStore = yield* ArtifactStore
  const codec = yield* Codec
  const hasher = yield* Hasher
  const codeVersion = yield* CodeVersion
  const environment = yield* Environment
  const files = yield* SourceFiles
  const identity = yield* ProcessIdentity
  const spill = yield* Spill
  const ambience = yield* StepAmbience
  // Shared by all runs: what one found damaged is not tried again by the next.
  const objects = new Objects(store, artifactStore, codec, hasher)
  const flights = new Flights()

  const sourcesOf = (prepared: Prepared, secretKey: Uint8Array): ComponentSources => ({
    hasher,
    codes: prepared.codes,
    files,
    environment,
    secretKey,
    codecId: codec.id,
    params: prepared.params
  })

  const prepare = Effect.fnUntraced(function*(
    pipeline: Pipeline.Any,
    given: Loose,
    options: RunOptions,
    onlyToTell = false
  ): Effect.fn.Return<Prepared & { readonly secretKey: Uint8Array }, RunError> {
    const codes = yield* codesOf(pipeline.steps, codeVersion)
    // Where nothing was kept there is nothing that a secret would be compared with.
    const { secret } = onlyToTell && store.isMade?.() === false ? { secret: new Uint8Array(32) } : yield* store.identity
    const decoded = yield* params.decode(pipeline, given, hasher, secret)
    for (const name of options.rerun ?? []) {
      if (!pipeline.steps.some((step) => step.name === name)) {
        return yield* new InvalidInput({ what: "rerun", issue: `pipeline "${pipeline.name}" has no step "${name}" (it has: ${pipeline.steps.map((step) => step.name).join(", ")})` })
      }
      if (pipeline.steps.some((step) => step.name === name && step.definition.once)) {
        return yield* new InvalidInput({ what: "rerun", issue: `step "${name}" runs at most once; decide about it by itself: uniflow resolve <run> ${name} --rerun` })
      }
    }
    if (options.seed !== undefined && !Number.isSafeInteger(options.seed)) {
      return yield* new InvalidInput({ what: "seed", issue: `it must be a whole number, not ${String(options.seed)}` })
    }
    if (options.concurrency !== undefined && !(Number.isInteger(options.concurrency) && options.concurrency >= 1)) {
      return yield* new InvalidInput({ what: "concurrency", issue: `it must be a whole number from 1, not ${String(options.concurrency)}` })
    }
    const runId = options.runId === undefined ? undefined : yield* RunId.check(options.runId)
    const before = runId === undefined ? undefined : yield* store.run(runId)
    if (before === undefined) {
      const now = yield* Clock.currentTimeMillis
      return { runId: runId ?? RunId.make(now), before, params: decoded, codes, seed: options.seed ?? 0, history: [], left: [], secretKey: secret }
    }
    if (before.pipeline !== pipeline.name) {
      return yield* new RunParamsChanged({ runId: before.id, pipeline: pipeline.name, changes: [], otherPipeline: before.pipeline })
    }
    const changed = yield* params.changes(pipeline, before.id, before.params, decoded.recorded, hasher, secret)
    if (changed !== undefined) return yield* changed
    if (options.seed !== undefined && options.seed !== before.seed) {
      return yield* new RunParamsChanged({ runId: before.id, pipeline: pipeline.name, changes: [{ param: "seed", was: String(before.seed), is: String(options.seed) }] })
    }
    const left = before.status === "running" || before.status === "interrupted" ? (yield* store.active(before.id)).filter(({ once }) => !once) : []
    return { runId: before.id, before, params: decoded, codes, seed: before.seed, history: yield* store.steps(before.id), left, secretKey: secret }
  })

  const planOf = (pipeline: Pipeline.Any, prepared: Prepared & { readonly secretKey: Uint8Array }, options: RunOptions, history = new History(prepared.history)) =>
    planSteps(pipeline, {
      history,
      sources: sourcesOf(prepared, prepared.secretKey),
      objects,
      seed: prepared.seed,
      mode: options.mode ?? "auto",
      rerun: new Set(options.rerun),
      runId: prepared.runId
    })

  /** What the steps' code is made of, as an artifact of the run; its bytes are those of every run of the same code. */
  let lastParts: { readonly key: string; readonly encoded: Encoded | undefined } | undefined
  const encodedParts = (codes: ReadonlyMap<AnyStep, Code>): Encoded | undefined => {
    const key = Array.from(codes.values(), (code) => code.kind === "deep" ? code.hash : "").join()
    if (lastParts?.key !== key) lastParts = { key, encoded: encodeParts(codes.values()) }
    return lastParts.encoded
  }
  const namedParts = (prepared: Prepared, attempt: number, createdAtMs: number): Effect.Effect<ReadonlyArray<Change>, StoreError> => {
    const encoded = encodedParts(prepared.codes)
    return encoded === undefined ? Effect.succeed([]) : Effect.map(objects.keep(encoded, CODE_MEDIA_TYPE, "json"), ({ changes, ref: { digest, sizeBytes } }) => [
      ...changes,
      {
        _tag: "ArtifactNamed",
        record: { runId: prepared.runId, address: "", generation: 0, attempt, name: `code ${digest.slice(0, 16)}`, digest, sizeBytes, mediaType: CODE_MEDIA_TYPE, codec: null, createdAtMs }
      }
    ])
  }

  /** What the working tree has beyond its commit, as an artifact of the run that names its attempt. */
  const namedPatch = (runId: string, attempt: number, createdAtMs: number): Effect.Effect<ReadonlyArray<Change>, StoreError> =>
    Effect.flatMap(environment.patch ?? Effect.undefined, (patch) =>
      patch === undefined ? Effect.succeed([]) : Effect.map(objects.keep(encodedOf(patch.bytes), patch.mediaType, "patch"), ({ changes, ref: { digest, mediaType, sizeBytes } }) => [
        ...changes,
        { _tag: "ArtifactNamed", record: { runId, address: "", generation: 0, attempt, name: `patch ${attempt}`, digest, sizeBytes, mediaType, codec: null, createdAtMs } }
      ]))

  /** The outputs, where the stores cannot be read at the moment somebody asks for one. */
  const load = Effect.fnUntraced(function*(
    records: ReadonlyMap<AnyStep, StepRecord>
  ): Effect.fn.Return<ReadonlyMap<AnyStep, unknown>, CorruptArtifact | StoreError> {
    const loaded = new Map<AnyStep, unknown>()
    if (!objects.readsNow) for (const [step, record] of records) loaded.set(step, yield* loadOutput(objects, step, record.output!))
    return loaded
  })

  const result = <P extends Pipeline.Any>(pipeline: P, parts: Omit<RunResult.Parts, "pipeline" | "objects">): RunResult.RunResult<P> => {
    const records = new Map(pipeline.steps.flatMap((step) => {
      const record = parts.records.get(step)
      return record === undefined ? [] : [[step, record]]
    }))
    return RunResult.make<P>({ ...parts, pipeline, records, objects })
  }

  /** A completed run all of whose steps still answer: nothing is taken, only the attempt is added. */
  const answer = Effect.fnUntraced(function*<P extends Pipeline.Any>(
    pipeline: P,
    before: RunRecord,
    prepared: Prepared & { readonly secretKey: Uint8Array },
    options: RunOptions
  ): Effect.fn.Return<RunResult.RunResult<P> | undefined, RunError> {
    const begun = yield* Clock.currentTimeMillis
    const history = new History(prepared.history)
    const planned = yield* planOf(pipeline, prepared, options, history)
    if (!planned.every((step) => step.action === "restore")) return undefined
    let seq = history.lastSeq
    const records = new Map<AnyStep, StepRecord>()
    const attempt = before.attempts + 1
    for (const { step, record, reasons, trusted } of planned) {
      records.set(step, { ...restored(record!, reasons, trusted, begun), runId: before.id, attempt, seq: ++seq })
    }
    const loaded = yield* Effect.catchTag(load(records), "CorruptArtifact", () => Effect.succeed(undefined))
    if (loaded === undefined) return undefined
    const added = yield* Effect.exit(store.annotate(before.id, [{
      _tag: "AnsweredAgain",
      attempts: before.attempts,
      environment: yield* environment.capture,
      atMs: begun,
      records: standsAsItIs(planned, history) ? [] : [...records.values()]
    }]))
    if (Exit.isFailure(added)) {
      const lost = Cause.findErrorOption(added.cause)
      if (Option.isSome(lost) && lost.value.reason === "LeaseLost") return undefined
      return yield* Effect.failCause(added.cause)
    }
    options.onStart?.({ runId: before.id, attempt })
    const ended = yield* Clock.currentTimeMillis
    const { id, experiment, params, seed } = before
    return result(pipeline, { id, experiment, params, seed, attempt, isWhole: true, durationMs: ended - begun, records, loaded, series: yield* store.series(id), warnings: [] })
  })

  const work = Effect.fnUntraced(function*<P extends Pipeline.Any>(
    pipeline: P,
    prepared: Prepared & { readonly secretKey: Uint8Array },
    options: RunOptions,
    fork: Fork | undefined,
    part: Chosen | undefined
  ): Effect.fn.Return<RunResult.RunResult<P>, RunError, unknown> {
    const wanted = part?.steps ?? pipeline.steps
    const isWhole = wanted.length === pipeline.steps.length
    const clock = yield* Clock.Clock
    const now = (): number => clock.currentTimeMillisUnsafe()
    const begun = now()
    const redact = params.withoutSecrets(prepared.params, environment.redact)
    const experiment = prepared.before?.experiment ?? options.experiment ?? pipeline.experiment
    if (options.mode === "strict" && prepared.before !== undefined) {
      const known = (yield* planOf(pipeline, prepared, options)).filter((step) => step.mismatch)
      if (known.length > 0) {
        return yield* new StrictMismatch({
          runId: prepared.runId,
          steps: known.map(({ step, reasons }) => ({ step: step.name, because: reasons.map((reason) => reason.component).join(", ") }))
        })
      }
    }
    const surroundings = yield* environment.capture
    const claim = yield* store.claim({
      runId: prepared.runId,
      create: {
        id: prepared.runId,
        pipeline: pipeline.name,
        experiment,
        params: prepared.params.recorded,
        seed: prepared.seed,
        parent: fork?.parent ?? null,
        tags: fork?.from === undefined ? options.tags ?? {} : { ...options.tags, [FROM]: fork.from },
        goals: pipeline.goals,
        createdAtMs: begun
      },
      onlyNew: prepared.before === undefined && options.runId === undefined,
      holder: { ...identity.self, sinceMs: begun },
      environment: surroundings,
      leaseMs: LEASE_MS,
      startedAtMs: begun
    })
    if (claim.before !== undefined && prepared.before === undefined) {
      // Made by another process since we looked.
      const changed = yield* params.changes(pipeline, prepared.runId, claim.before.params, prepared.params.recorded, hasher, prepared.secretKey)
      if (changed !== undefined || claim.before.pipeline !== pipeline.name || claim.before.seed !== prepared.seed) {
        yield* store.commit({ runId: prepared.runId, token: claim.token }, [
          { _tag: "AttemptEnded", attempt: claim.attempt, status: endedStatus(claim.before.status), endedAtMs: now(), error: claim.before.error, failedStep: claim.before.failedStep }
        ])
        return yield* changed ?? new RunParamsChanged({ runId: prepared.runId, pipeline: pipeline.name, changes: [], otherPipeline: claim.before.pipeline })
      }
    }
    const crashes = claim.before === undefined ? 0 : claim.before.crashes + (claim.before.status === "running" && claim.before.holder !== null ? 1 : 0)
    if (options.automatic === true && crashes >= CRASH_LIMIT) {
      const error = new CrashLoop({ runId: prepared.runId, attempts: crashes })
      yield* store.commit({ runId: prepared.runId, token: claim.token }, [
        { _tag: "AttemptEnded", attempt: claim.attempt, status: "crashed", endedAtMs: now(), error: storedError(error, redact), failedStep: null }
      ])
      return yield* error
    }
    options.onStart?.({ runId: prepared.runId, attempt: claim.attempt })
    // A fork that is resumed goes on as one.
    const recorded = claim.before
    const forkedFrom = recorded === undefined ? fork : recorded.parent === null ? undefined : { parent: recorded.parent, from: recorded.tags[FROM] }
    const records = claim.created ? [] : yield* store.steps(prepared.runId)
    const left = claim.created ? [] : yield* store.active(prepared.runId)
    const tracking = new TrackingBuffer({
      runId: prepared.runId,
      attempt: claim.attempt,
      firstLogSeq: claim.created ? 1 : (yield* lastLogSeq(prepared.runId)) + 1,
      spill,
      redact
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => tracking.close()))
    const session = new RunSession({
      runId: prepared.runId,
      pipeline: pipeline.name,
      experiment,
      attempt: claim.attempt,
      seed: prepared.seed,
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
    session.attach(yield* namedParts(prepared, claim.attempt, begun))
    if (surroundings.git?.dirty === true) yield* session.attachLater(namedPatch(prepared.runId, claim.attempt, begun))
    const end = (status: Exclude<RunStatus, "pending" | "running">, error: unknown, failedStep: string | null): Effect.Effect<void, StoreError> =>
      Effect.andThen(session.flush(), Effect.suspend(() =>
        session.submit([{
          _tag: "AttemptEnded",
          attempt: claim.attempt,
          status,
          endedAtMs: now(),
          error: error === undefined ? null : storedError(error, redact),
          failedStep
        }])))
    const stop = { requested: false }
    const steps = new StepRunner({
      session,
      sources: sourcesOf(prepared, prepared.secretKey),
      mode: options.mode ?? "auto",
      rerun: new Set(options.rerun),
      concurrency: options.concurrency ?? 8,
      permits: Semaphore.makeUnsafe(options.concurrency ?? 8),
      bridge: yield* FiberSet.makeRuntimePromise(),
      ambience,
      flights,
      parent: forkedFrom === undefined ? undefined : new Parent(store, forkedFrom.parent, andAfter(pipeline, forkedFrom.from)),
      left: new Map([...prepared.left, ...left].map((active) => [active.address, active])),
      stopping: () => stop.requested
    })
    const met = new Set<string>()
    const graph = Effect.gen(function*() {
      for (;;) {
        const { records, failure } = yield* walk(wanted, (step, known) => {
          // Where outputs cannot be read at once they are loaded first: one that is damaged is made again.
          session.isLast = () => objects.readsNow && known.size === pipeline.steps.length - 1
          return steps.resolve(step, known)
        }, stop)
        let damaged: unknown
        if (failure === undefined) {
          const loaded = yield* Effect.result(load(records))
          if (Result.isSuccess(loaded)) return { records, loaded: loaded.success }
          if (loaded.failure._tag === "StoreError") return yield* loaded.failure
          damaged = new Damaged(loaded.failure)
        } else damaged = Cause.squash(failure)
        if (!(damaged instanceof Damaged)) return yield* Effect.failCause(failure as Cause.Cause<Exclude<StepError, Damaged>>)
        // What was saved anew and still cannot be loaded never will be.
        if (met.has(damaged.error.digest) || part?.only !== undefined) return yield* damaged.error
        met.add(damaged.error.digest)
        stop.requested = false
      }
    })
    options.cancel?.listen((why) => session.stop(new RunInterrupted({ runId: prepared.runId, why })))
    yield* session.keepUp
    return yield* session.untilStopped(graph).pipe(
      Effect.onExit((exit) => {
        if (session.completed) return Effect.void
        if (Exit.isSuccess(exit)) return end(isWhole ? "completed" : "interrupted", undefined, null)
        const error = Cause.squash(exit.cause)
        if (error instanceof StoreError && error.reason === "LeaseLost") return Effect.void
        return Cause.hasInterruptsOnly(exit.cause) || error instanceof RunInterrupted
          ? Effect.ignore(end("interrupted", undefined, null))
          : Effect.ignore(end("failed", error, error instanceof StepFailed ? error.step : stepOf(error)))
      }),
      Effect.flatMap(({ records, loaded }) =>
        Effect.map(session.allSeries, (series) => {
          const run = { id: prepared.runId, experiment, params: prepared.params.recorded, seed: prepared.seed, isWhole }
          return result(pipeline, { ...run, attempt: claim.attempt, durationMs: now() - begun, records, loaded, series, warnings: tracking.warnings })
        })
      )
    )
  })

  const lastLogSeq = Effect.fnUntraced(function*(runId: string): Effect.fn.Return<number, StoreError> {
    let last = 0
    for (;;) {
      const page = yield* store.logs(runId, { after: last })
      if (page.length === 0) return last
      last = page.at(-1)!.seq
    }
  })

  const run = Effect.fnUntraced(function*<P extends Pipeline.Any>(
    pipeline: P,
    given: Loose,
    asked: RunOptions,
    fork?: Fork,
    part?: Chosen
  ): Effect.fn.Return<RunResult.RunResult<P>, RunError, unknown> {
    const options = { ...asked, rerun: yield* reruns(pipeline, asked) }
    const prepared = yield* prepare(pipeline, given, options)
    const { before } = prepared
    if (part?.only !== undefined) {
      const lacking = (yield* planOf(pipeline, prepared, options)).find(({ action, step }) => action !== "restore" && step.name !== part.only && part.steps.includes(step))
      if (lacking !== undefined) {
        return yield* new InvalidInput({
          what: "only",
          issue: `step "${part.only}" stands on "${lacking.step.name}", of which run "${prepared.runId}" has no output that answers (${lacking.reasons.map(({ component }) => component).join(", ")}); run that one first, with until: "${part.only}"`
        })
      }
    }
    if (before?.status === "completed") {
      const answered = yield* answer(pipeline, before, prepared, options)
      if (answered !== undefined) return answered
    }
    return yield* Effect.scoped(work(pipeline, prepared, options, fork, part))
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
    if (options.runId === id) return yield* new InvalidInput({ what: "runId", issue: `a fork is a run of its own, and cannot have the id of its parent, "${id}"` })
    const all = yield* params.fromRecord(pipeline, id, before.params, given)
    const kept = { seed: options.seed ?? before.seed, experiment: options.experiment ?? before.experiment }
    // With those that the pipeline does not have, which are refused.
    return yield* run(pipeline, { ...given, ...all }, { ...options, ...kept }, { parent: id, from })
  })

  const service: RunnerService = {
    // The requirements are the pipeline's; inside, where any pipeline is run, they are not known.
    run: (pipeline, given, options = {}) => run(pipeline, (given ?? {}) as Loose, options) as never,
    runPart: (pipeline, given, { only, until, ...options }) =>
      Effect.flatMap(stepsOf(pipeline, { only, until } as Part), (steps) => run(pipeline, (given ?? {}) as Loose, options, undefined, { steps, only })) as never,
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
        const prepared = yield* prepare(pipeline, (given ?? {}) as Loose, options, true)
        const steps = yield* planOf(pipeline, prepared, options)
        return { runId: prepared.before?.id, steps }
      })
  }
  return service
})

/** Whether each step is restored as it was last decided, and there are no others: then nothing need be recorded of them. */
const standsAsItIs = (planned: ReadonlyArray<PlannedStep>, { latest }: History): boolean =>
  latest.size === planned.length
  && planned.every(({ step, reasons, record }) => reasons === MATCHED && latest.get(step.name)?.generation === record!.generation)

const endedStatus = (status: RunStatus): Exclude<RunStatus, "pending" | "running"> =>
  status === "pending" || status === "running" ? "interrupted" : status

const stepOf = (error: unknown): string | null =>
  typeof error === "object" && error !== null && "step" in error && typeof error.step === "string" ? error.step : null

/** Runs pipelines in this process, on the stores and the codec it is given. */
export const layer: Layer.Layer<Runner, never, RunStore | ArtifactStore | Codec> = Layer.effect(Runner, make)
