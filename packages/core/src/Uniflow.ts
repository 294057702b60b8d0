/**
 * The Promise face: everything that UniFlow does, over the services of one `ManagedRuntime` and nothing more.
 *
 * Made by a platform's `open` (`Uniflow.open()` of the package `uniflow`) or from any layers by `make`. Nothing is
 * opened before the first use. Close it when it is no longer needed; runs that are under way are interrupted then, and
 * resume later.
 */
import { Effect, Equal, type Layer, ManagedRuntime, Stream } from "effect"
import { ArtifactStore } from "./ArtifactStore.ts"
import type { Codec } from "./Codec.ts"
import { type CodePart, codeParts } from "./CodeParts.ts"
import * as Explanation from "./Explanation.ts"
import * as FindRuns from "./FindRuns.ts"
import type { FieldText, FindOptions, Found, FoundRow, SelectedRow } from "./FindRuns.ts"
import * as GarbageCollector from "./GarbageCollector.ts"
import { Hasher } from "./Hasher.ts"
import * as Lease from "./Lease.ts"
import * as MetricSeries from "./MetricSeries.ts"
import type * as Pipeline from "./Pipeline.ts"
import type { Part } from "./internal/part.ts"
import type { PlannedStep } from "./internal/plan.ts"
import { StopRequest } from "./internal/StopRequest.ts"
import * as Resolution from "./Resolution.ts"
import * as Retention from "./Retention.ts"
import { type RunEvent, watch } from "./RunEvents.ts"
import * as RunId from "./RunId.ts"
import type { LogRecord, RunRecord } from "./RunRecord.ts"
import type { PartialResult, RunResult } from "./RunResult.ts"
import { metricValues, type RunSnapshot, snapshot } from "./RunSnapshot.ts"
import { RunStore } from "./RunStore.ts"
import * as RunView from "./RunView.ts"
import { type ForkOptions, Runner, type RunOptions } from "./Runner.ts"
import * as Sweep from "./Sweep.ts"
import { InvalidInput, RunInterrupted, RunNotFound } from "./UniflowError.ts"

/** The services that a `Uniflow` is made over. */
export type Services = Runner | RunStore | ArtifactStore | Codec

/** Refuses a pipeline whose steps require services that were not given to `open`. */
export type Runnable<P extends Pipeline.Any, S> = [Exclude<Pipeline.Requirements<P>, S>] extends [never] ? unknown
  : { readonly "~missing": "The pipeline's steps require services; give them when opening: Uniflow.open({ layer })" }

type OneRunOptions = Omit<RunOptions, "cancel" | "onStart"> & {
  /** Stops the run when it is aborted; it ends as `interrupted` and resumes. */
  readonly signal?: AbortSignal | undefined
  /** Take the pipeline's newest run that failed or was interrupted; `result.id` says which. */
  readonly resume?: "last-failed" | undefined
}

/** Options of a run; `params` may be left out where every param may. */
export type StartOptions<P extends Pipeline.Any> = OneRunOptions & ({} extends Pipeline.Params<P> ? { readonly params?: Pipeline.Params<P> } : { readonly params: Pipeline.Params<P> })

/** Options of a fork; params that are not given are the parent's. */
export type ForkStartOptions<P extends Pipeline.Any> = OneRunOptions & Pick<ForkOptions<P>, "params" | "from">

type StartArguments<P extends Pipeline.Any> = {} extends Pipeline.Params<P> ? [options?: StartOptions<P>] : [options: StartOptions<P>]

/** A run that was begun. */
export interface RunHandle<P extends Pipeline.Any, Result = RunResult<P>> {
  readonly id: string
  /** Resolves when the run is completed; rejects with one of `RunError`. */
  readonly result: Promise<Result>
  /** What happens, as it happens; ends with the run. */
  readonly events: AsyncIterable<RunEvent>
  /** Asks the run to stop and waits until it has. */
  cancel(): Promise<void>
}

export interface Runs {
  /** A run by its id; rejects with `RunNotFound`. */
  get(id: string): Promise<RunView.RunView>
  /**
   * Runs by what they have: params, metrics, tags, Git and their own fields, as a filter (text or a typed object) says; in any
   * order, newest first by default. They are read page by page as they are iterated over, or all at once by `toArray()`. The
   * iteration rejects with `InvalidFilter`, `InvalidInput` or `StoreError`.
   */
  find<P extends Pipeline.Any = Pipeline.Any>(options?: FindOptions<P> & { readonly select?: undefined }): Found<FoundRow<P>>
  /** The same with only the fields of `select`. */
  find<P extends Pipeline.Any = Pipeline.Any, const F extends FieldText<P> = FieldText<P>>(
    options: FindOptions<P, F> & { readonly select: ReadonlyArray<F> }
  ): Found<SelectedRow<P, F>>
  /** Everything recorded of a run, as comparison takes it. */
  snapshot(id: string): Promise<RunSnapshot>
  /** The decision about each step, with its reasons; items of maps only when asked for. */
  explain(id: string, options?: { readonly step?: string; readonly items?: boolean }): Promise<Explanation.Explanation>
  /** Sets tags; null removes one. */
  tag(id: string, tags: { readonly [key: string]: string | null }): Promise<void>
  note(id: string, note: string | null): Promise<void>
  /** Removes a run with everything recorded of it; `gc` frees the bytes. Refuses a run that is active. */
  remove(id: string): Promise<void>
  /** Removes a run and at once the bytes that nothing else refers to; tells how many, and what others still need. */
  purge(id: string): Promise<GarbageCollector.Purged>
  /** Lines that steps logged, in order. */
  logs(id: string, options?: { readonly step?: string; readonly after?: number; readonly limit?: number }): Promise<ReadonlyArray<LogRecord>>
  /** Points of a metric (`step.key`, or the bare key where it is unique), in at most `buckets` (default 1,000) buckets of min, max and mean. */
  metric(id: string, name: string, options?: { readonly buckets?: number }): Promise<ReadonlyArray<MetricSeries.Bucket>>
  /**
   * The declarations that a step's code was made of, as the run last recorded it: file, name, hash and text. Undefined for
   * a step with a `version`, and where its code was not seen whole.
   */
  code(id: string, step: string): Promise<ReadonlyArray<CodePart> | undefined>
  /** The bytes of an artifact, by its name, its step's name or (the beginning of) its digest, verified. */
  artifact(id: string, name: string): Promise<Uint8Array>
}

/** The Promise face over services `S` that steps may require. */
export interface Uniflow<in S = never> extends AsyncDisposable {
  /** Runs a pipeline; with a `runId` that exists, resumes that run. Rejects with one of `RunError`. */
  run<P extends Pipeline.Any>(pipeline: P & Runnable<P, S>, ...options: StartArguments<P>): Promise<RunResult<P>>
  /**
   * Runs a part of a pipeline: a step with those it stands on (`until`), or a step alone (`only`), its inputs taken from what the run
   * has saved. The run then stands as `interrupted`; running or resuming it as a whole goes on from there.
   */
  runPart<P extends Pipeline.Any>(pipeline: P & Runnable<P, S>, options: StartOptions<P> & Part): Promise<PartialResult<P>>
  /** Begins a part of a run and returns at once. */
  startPart<P extends Pipeline.Any>(pipeline: P & Runnable<P, S>, options: StartOptions<P> & Part): RunHandle<P, PartialResult<P>>
  /** Begins a run and returns at once. The same id and params give the same run. */
  start<P extends Pipeline.Any>(pipeline: P & Runnable<P, S>, ...options: StartArguments<P>): RunHandle<P>
  /** Resumes a run with the params it was started with; `secrets` gives again those that are not recorded. */
  resume<P extends Pipeline.Any>(
    pipeline: P & Runnable<P, S>,
    id: string,
    options?: OneRunOptions & { readonly secrets?: Partial<Pipeline.Params<P>> }
  ): Promise<RunResult<P>>
  /**
   * Makes a new run from another one: its params (those in `params` aside), seed and experiment, and every checkpoint of it that
   * still answers; from the step `from` on everything is executed. Named by `runId`, else by a new id; `result.id` says which.
   */
  fork<P extends Pipeline.Any>(
    pipeline: P & Runnable<P, S>,
    parent: string,
    options?: ForkStartOptions<P>
  ): Promise<RunResult<P>>
  /**
   * Runs a pipeline many times: over a grid of params, values drawn at random or a list, each under one or several seeds. What
   * the runs share (`cache: true`) is executed once, by whichever process. A run that fails does not stop the others; the same
   * sweep again goes on with what is missing, and waits for runs that another process works on. Rejects with `InvalidInput` for what cannot be a sweep, and with `RunInterrupted` when its signal was aborted.
   */
  sweep<P extends Pipeline.Any>(pipeline: P & Runnable<P, S>, options: Sweep.SweepOptions<P>): Promise<Sweep.SweepResult<P>>
  /** Tells for each step what a run would do, and does nothing. */
  plan<P extends Pipeline.Any>(pipeline: P, ...options: StartArguments<P>): Promise<ReadonlyArray<PlannedStep>>
  /** Follows a run of any process, through the store. */
  watch(id: string): AsyncIterable<RunEvent>
  /** Asks a run of any process to stop, through the store; rejects with `RunNotFound`. */
  cancel(id: string): Promise<void>
  /** Decides about a `once` step whose outcome is unknown. */
  resolve(id: string, step: string, resolution: Resolution.Resolution): Promise<void>
  /** Resumes runs of these pipelines whose process died; tells which it began. */
  resumeInterrupted(pipelines: ReadonlyArray<Pipeline.Any>): Promise<ReadonlyArray<RunHandle<Pipeline.Any>>>
  readonly runs: Runs
  /** Frees the bytes that no run refers to. */
  gc(options?: GarbageCollector.CollectOptions): Promise<GarbageCollector.Collected>
  /** Removes the runs that the rules let go; `gc` frees their bytes. */
  prune(rules: Retention.Rules, options?: Retention.PruneOptions): Promise<Retention.Pruned>
  /** Runs an Effect over the same services: what packages on top of this one are made with. */
  readonly runPromise: <A, E>(effect: Effect.Effect<A, E, Services | S>) => Promise<A>
  /** Ids of the runs that this instance works on. */
  readonly active: ReadonlySet<string>
  /** Interrupts every run of this instance and waits until their records are consistent. */
  interrupt(why: string): Promise<void>
  /** Interrupts what runs, and closes everything. */
  close(): Promise<void>
}

const hasTag = (error: unknown, tag: string): boolean => typeof error === "object" && error !== null && "_tag" in error && error._tag === tag

interface Running {
  readonly handle: RunHandle<Pipeline.Any>
  readonly pipeline: Pipeline.Any
  readonly params: unknown
  readonly seed: number | undefined
  readonly part: Partial<Part>
  readonly parent: string | undefined
  readonly settled: Promise<void>
  readonly cancel: (why: string) => void
}

/** Makes the Promise face over layers; they are built at the first use. */
export const make = <S, E>(layer: Layer.Layer<Services | S, E>, hooks?: {
  /** Called when the first of several runs begins, and when the last one has ended. */
  readonly onActive?: (active: boolean) => void
  /** Called when a run has ended, however it did. */
  readonly onEnd?: () => void
  /** Waited for before everything is closed. */
  readonly beforeClose?: () => Promise<void>
}): Uniflow<S> => {
  const runtime = ManagedRuntime.make(layer)
  const runPromise = <A, E2>(effect: Effect.Effect<A, E2, Services | S>): Promise<A> => runtime.runPromise(effect)
  const running = new Set<Running>()
  const active = new Set<string>()

  const begin = (
    pipeline: Pipeline.Any,
    options: StartOptions<Pipeline.Any> & Partial<Part>,
    resumes: boolean,
    parent?: string
  ): RunHandle<Pipeline.Any> => {
    const id = options.runId ?? RunId.make(Date.now())
    const part = { until: options.until, only: options.only } as Partial<Part>
    // As they are now: whoever gave them may go on to change them.
    const params = { ...(options.params as object | undefined) }
    for (const one of running) {
      const same = one.handle.id === id && one.pipeline === pipeline && (options.seed === undefined || options.seed === one.seed)
        && one.part.until === part.until && one.part.only === part.only && one.parent === parent
      if (same && (resumes || Equal.equals(one.params, params))) return one.handle
    }
    const cancel = new StopRequest()
    const stop = (why: string): void => cancel.request(why)
    const abort = (): void => stop("its signal was aborted")
    const { signal, resume: _, ...rest } = options
    if (signal?.aborted === true) abort()
    else signal?.addEventListener("abort", abort, { once: true })
    let taken: (taken: boolean) => void = () => {}
    const started = new Promise<boolean>((resolve) => (taken = resolve))
    const given = { ...rest, runId: id, cancel, onStart: () => taken(true) }
    const work = Effect.flatMap(Runner, (runner) =>
      // What the steps require was checked where the pipeline was given; here any pipeline is run.
      (parent !== undefined
        ? runner.fork(pipeline, parent, { ...given, params })
        : resumes
        ? runner.resume(pipeline, id, given)
        : part.until !== undefined || part.only !== undefined
        ? runner.runPart(pipeline, params, { ...given, ...part } as RunOptions & Part)
        : runner.run(pipeline, params, given)) as Effect.Effect<RunResult<Pipeline.Any>, unknown>)
    if (active.size === 0) hooks?.onActive?.(true)
    active.add(id)
    const result = runPromise(work)
    const settled = result.then(() => {}, () => {}).then(() => {
      taken(false)
      signal?.removeEventListener("abort", abort)
      running.delete(entry)
      hooks?.onEnd?.()
      if ([...running].some((one) => one.handle.id === id)) return
      active.delete(id)
      if (active.size === 0) hooks?.onActive?.(false)
    })
    const events = async function*(): AsyncGenerator<RunEvent> {
      // Where nothing was begun nothing happens; the result says why.
      if (await started) yield* iterate(Stream.toAsyncIterableEffect(watch(id)))
    }
    const handle: RunHandle<Pipeline.Any> = {
      id,
      result,
      events: { [Symbol.asyncIterator]: events },
      cancel: () => {
        stop("it was cancelled")
        return settled
      }
    }
    const entry: Running = { handle, pipeline, params, seed: options.seed, part, parent, settled, cancel: stop }
    running.add(entry)
    return handle
  }

  const iterate = async function*<A, E2>(make: Effect.Effect<AsyncIterable<A>, E2, Services | S>): AsyncGenerator<A> {
    yield* await runPromise(make)
  }

  const lastFailed = (pipeline: Pipeline.Any): Promise<string> =>
    runPromise(Effect.gen(function*() {
      const store = yield* RunStore
      for (const run of yield* store.runs({ pipeline: pipeline.name, status: ["failed", "interrupted", "crashed", "running"], limit: 1000 })) {
        // One that somebody works on has not failed.
        if (run.holder === null || (yield* Lease.judge(run, run.holder)) !== "held") return run.id
      }
      return yield* new RunNotFound({ runId: "last-failed", hint: `Pipeline "${pipeline.name}" has no run that failed or was interrupted.` })
    }))

  const run = async (pipeline: Pipeline.Any, options: StartOptions<Pipeline.Any>, resumes: boolean): Promise<RunResult<Pipeline.Any>> => {
    if (options.resume === "last-failed") {
      const id = await lastFailed(pipeline)
      return begin(pipeline, { ...options, runId: id }, options.params === undefined).result
    }
    return begin(pipeline, options, resumes).result
  }

  /** Waits until nobody works on a run, or the signal is aborted. */
  const letGo = async (id: string, signal: AbortSignal | undefined): Promise<RunRecord | undefined> => {
    const waiting = Effect.flatMap(RunStore, (store) => Lease.untilLetGo(store.run(id)))
    try {
      return await runtime.runPromise(waiting, { signal })
    } catch (error) {
      if (signal?.aborted === true) return undefined
      throw error
    }
  }

  const sweep = async (pipeline: Pipeline.Any, options: Sweep.SweepOptions<Pipeline.Any>): Promise<Sweep.SweepResult> => {
    const { concurrency = 4, experiment, onRun, onStart, signal, stopOnFailure = false, tags } = options
    const { id, runs } = await runPromise(Effect.flatMap(Hasher, (hasher) => Sweep.plan(pipeline, options, hasher)))
    if (!(Number.isInteger(concurrency) && concurrency >= 1)) throw new InvalidInput({ what: "The sweep", issue: "concurrency must be a whole number from 1" })
    const ended: Array<Sweep.SweptRun> = runs.map((run) => ({ ...run, status: "not begun" }))
    /** Runs that another process works on. */
    const elsewhere: Array<number> = []
    let stopped = false
    const stops = (): boolean => stopped || signal?.aborted === true
    const work = ({ id: runId, params, seed }: Sweep.SweepRun): Promise<RunResult<Pipeline.Any>> =>
      begin(pipeline, { runId, params, seed, experiment, tags: { ...tags, sweep: id }, signal }, false).result
    const end = async (at: number, ending: Promise<RunResult<Pipeline.Any>>): Promise<void> => {
      const { id: runId, params, seed } = runs[at]!
      const swept = await ending.then(
        (result): Sweep.SweptRun => ({ id: runId, params, seed, status: "completed", result }),
        (error: unknown): Sweep.SweptRun => ({ id: runId, params, seed, status: "failed", error })
      )
      if (swept.status === "failed" && hasTag(swept.error, "RunIsActive")) {
        elsewhere.push(at)
        return
      }
      ended[at] = swept
      if (swept.status === "failed" && (stopOnFailure || hasTag(swept.error, "RunInterrupted"))) stopped = true
      onRun?.(swept)
    }
    const each = async (ats: Iterator<number>, work: (at: number) => Promise<void>): Promise<void> => {
      const workers = await Promise.allSettled(Array.from({ length: Math.min(concurrency, runs.length) }, async () => {
        while (!stops()) {
          const { done, value } = ats.next()
          if (done === true) return
          // What a run fails with is its ending; this is what was given to call back, or the store.
          await work(value).catch((error: unknown) => {
            stopped = true
            throw error
          })
        }
      }))
      for (const worker of workers) if (worker.status === "rejected") throw worker.reason
    }
    await each(runs.keys(), async (at) => {
      onStart?.(runs[at]!, runs)
      return end(at, work(runs[at]!))
    })
    // What is completed elsewhere is taken as it is; anything else is gone on with, unless somebody cancelled it.
    while (elsewhere.length > 0 && !stops()) {
      await each(elsewhere.splice(0).values(), async (at) => {
        const run = await letGo(runs[at]!.id, signal)
        if (stops()) return
        const cancelled = run?.status === "interrupted" && run.cancelRequested
        await end(at, cancelled ? Promise.reject(new RunInterrupted({ runId: run.id, why: "it was cancelled" })) : work(runs[at]!))
      })
    }
    const interruption = ended.find((run) => run.status === "failed" && hasTag(run.error, "RunInterrupted"))
    if (interruption?.status === "failed") throw interruption.error
    if (signal?.aborted === true && ended.some(({ status }) => status === "not begun")) throw new RunInterrupted({ runId: id, why: "its signal was aborted" })
    return { id, runs: ended }
  }

  const interrupt = async (why: string): Promise<void> => {
    const all = [...running]
    for (const one of all) one.cancel(why)
    await Promise.all(all.map(({ settled }) => settled))
  }

  const seriesOf = (id: string, name: string) =>
    Effect.flatMap(snapshot(id), ({ series }) => {
      const found = metricValues(series).get(name)
      return found === undefined
        ? Effect.fail(new InvalidInput({ what: `Metric "${name}" of run "${id}"`, issue: `there is none; it has: ${[...metricValues(series).keys()].join(", ") || "no metrics"}` }))
        : Effect.succeed(found)
    })

  const changed = (id: string, done: Effect.Effect<boolean, unknown, RunStore>): Promise<void> =>
    runPromise(Effect.flatMap(done, (found): Effect.Effect<void, RunNotFound> => (found ? Effect.void : Effect.fail(new RunNotFound({ runId: id })))) as Effect.Effect<void, unknown, Services | S>)

  const runs: Runs = {
    get: (id) => runPromise(Effect.map(snapshot(id), RunView.make)),
    find: (options: FindOptions = {}) => FindRuns.find<never>(runPromise, options),
    snapshot: (id) => runPromise(snapshot(id)),
    explain: (id, options) => runPromise(Explanation.explain(id, options)),
    tag: (id, tags) => changed(id, Effect.flatMap(RunStore, (store) => store.annotate(id, [{ _tag: "Tagged", tags }]))),
    note: (id, note) => changed(id, Effect.flatMap(RunStore, (store) => store.annotate(id, [{ _tag: "Noted", note }]))),
    remove: (id) => changed(id, Effect.flatMap(RunStore, (store) => store.remove(id))),
    purge: (id) => runPromise(GarbageCollector.purge(id)),
    logs: (id, options) =>
      runPromise(Effect.flatMap(RunStore, (store) => store.logs(id, { address: options?.step, after: options?.after, limit: options?.limit }))),
    metric: (id, name, options) => runPromise(Effect.flatMap(seriesOf(id, name), (series) => MetricSeries.downsample(series, options?.buckets ?? 1000))),
    code: (id, step) =>
      runPromise(Effect.flatMap(snapshot(id), ({ steps }) => {
        const components = steps.find(({ address }) => address === step)?.outcome.components
        return components?.codeKind === "deep" ? codeParts(id, components.code) : Effect.succeed(undefined)
      })),
    artifact: (id, name) =>
      runPromise(Effect.gen(function*() {
        const { artifacts } = RunView.make(yield* snapshot(id))
        const found = artifacts.find((one) => one.name === name) ?? (/^[0-9a-f]{6,64}$/.test(name) ? artifacts.find((one) => one.digest.startsWith(name)) : undefined)
        if (found === undefined) {
          return yield* new InvalidInput({ what: `Artifact "${name}" of run "${id}"`, issue: `there is none; it has: ${artifacts.map((one) => one.name).join(", ") || "no artifacts"}` })
        }
        const kept = yield* (yield* RunStore).blob(found.digest)
        return kept ?? (yield* (yield* ArtifactStore).get(found.digest))
      }))
  }

  const self: Uniflow<S> = {
    run: (pipeline, ...[options]) => run(pipeline, (options ?? {}) as StartOptions<Pipeline.Any>, false) as never,
    start: (pipeline, ...[options]) => {
      const handle = begin(pipeline, (options ?? {}) as StartOptions<Pipeline.Any>, false)
      // Whoever only follows the events has not asked for the rejection.
      handle.result.catch(() => {})
      return handle as never
    },
    runPart: (pipeline, options) => begin(pipeline, options as StartOptions<Pipeline.Any> & Part, false).result as never,
    startPart: (pipeline, options) => {
      const handle = begin(pipeline, options as StartOptions<Pipeline.Any> & Part, false)
      handle.result.catch(() => {})
      return handle as never
    },
    resume: (pipeline, id, options) => run(pipeline, { ...options, runId: id } as StartOptions<Pipeline.Any>, true) as never,
    fork: (pipeline, parent, options) => begin(pipeline, (options ?? {}) as StartOptions<Pipeline.Any>, false, parent).result as never,
    sweep: (pipeline, options) => sweep(pipeline, options as unknown as Sweep.SweepOptions<Pipeline.Any>) as never,
    plan: (pipeline, ...[options]) =>
      runPromise(Effect.flatMap(Runner, (runner) => {
        const { params, signal: _, resume: __, ...rest } = (options ?? {}) as StartOptions<Pipeline.Any>
        return Effect.map(runner.plan(pipeline as Pipeline.Any, params, rest), ({ steps }) => steps)
      })),
    watch: (id) => ({ [Symbol.asyncIterator]: () => iterate(Stream.toAsyncIterableEffect(watch(id))) }),
    cancel: (id) => changed(id, Effect.flatMap(RunStore, (store) => store.annotate(id, [{ _tag: "CancelRequested" }]))),
    resolve: (id, step, resolution) => runPromise(Resolution.resolve(id, step, resolution)),
    resumeInterrupted: async (pipelines) => {
      const interrupted = await runPromise(Effect.flatMap(RunStore, (store) => Effect.forEach(pipelines, (pipeline) =>
        Effect.map(store.runs({ pipeline: pipeline.name, status: ["running"], limit: 1000 }), (found) => found.map((one) => ({ pipeline, id: one.id }))))))
      return interrupted.flat().filter(({ id }) => !active.has(id)).map(({ pipeline, id }) => {
        const handle = begin(pipeline, { runId: id, automatic: true } as StartOptions<Pipeline.Any>, true)
        handle.result.catch(() => {})
        return handle
      })
    },
    runs,
    gc: (options) => runPromise(GarbageCollector.collect(options)),
    prune: (rules, options) => runPromise(Retention.prune(rules, options)),
    runPromise,
    active,
    interrupt,
    close: async () => {
      await interrupt("UniFlow was closed")
      await hooks?.beforeClose?.()
      await runtime.dispose()
    },
    [Symbol.asyncDispose]: () => self.close()
  }
  return self
}
