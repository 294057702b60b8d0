import { Cause, type Clock, Effect, Exit, Fiber, type Scope, Semaphore } from "effect"
import type { ArtifactInfo, ArtifactSource, ArtifactStoreService } from "../ArtifactStore.ts"
import type { HasherService } from "../Hasher.ts"
import type { ArtifactRecord, CheckpointRecord, ChunkRecord, ParamValues, SeriesRecord, StepRecord } from "../RunRecord.ts"
import type { Change, RunStoreService } from "../RunStore.ts"
import type { SourceFilesService } from "../SourceFiles.ts"
import { describe, RunInterrupted, StoreError } from "../UniflowError.ts"
import type { History } from "./History.ts"
import type { Objects } from "./Objects.ts"
import type { RunParams } from "./params.ts"
import { recording, type TrackingBuffer } from "./TrackingBuffer.ts"

/** How often what is tracked is recorded, and how often the run looks whether somebody asked it to stop. */
export const FLUSH_MS = 400

/** An outcome before it is numbered. */
export type Outcome = Omit<StepRecord, "runId" | "seq" | "attempt">

/** One attempt at a run, as its steps use it: what belongs to the run, and the way to its record. */
export class RunSession {
  readonly runId: string
  readonly pipeline: string
  readonly experiment: string
  readonly attempt: number
  readonly seed: number
  readonly params: RunParams
  readonly hasher: HasherService
  readonly objects: Objects
  readonly tracking: TrackingBuffer
  readonly history: History
  readonly now: () => number
  readonly clock: Clock.Clock
  readonly redact: (text: string) => string
  readonly store: RunStoreService
  private readonly files: SourceFilesService
  private readonly artifactStore: ArtifactStoreService
  private readonly token: number
  /** Whether an earlier attempt, or this one by now, may have saved manual checkpoints. */
  mayHaveCheckpoints: boolean
  private lastSeq: number
  private readonly gate = Semaphore.makeUnsafe(1)
  private busy = false
  private ended: StoreError | RunInterrupted | undefined
  private interrupt: (() => void) | undefined
  /** Whether the attempt's end as completed is recorded. */
  completed = false
  /** Tells that every step but the one that is being recorded is done: its record ends the attempt. */
  isLast: () => boolean = () => false
  private tracked: boolean

  constructor(options: {
    readonly runId: string
    readonly pipeline: string
    readonly experiment: string
    readonly attempt: number
    readonly seed: number
    readonly params: RunParams
    readonly hasher: HasherService
    readonly objects: Objects
    readonly tracking: TrackingBuffer
    readonly history: History
    readonly now: () => number
    readonly clock: Clock.Clock
    readonly redact: (text: string) => string
    readonly store: RunStoreService
    readonly files: SourceFilesService
    readonly artifactStore: ArtifactStoreService
    readonly token: number
  }) {
    this.runId = options.runId
    this.pipeline = options.pipeline
    this.experiment = options.experiment
    this.attempt = options.attempt
    this.seed = options.seed
    this.params = options.params
    this.hasher = options.hasher
    this.objects = options.objects
    this.tracking = options.tracking
    this.history = options.history
    this.now = options.now
    this.clock = options.clock
    this.redact = options.redact
    this.store = options.store
    this.files = options.files
    this.artifactStore = options.artifactStore
    this.token = options.token
    this.mayHaveCheckpoints = options.attempt > 1
    this.tracked = options.attempt > 1
    this.lastSeq = options.history.lastSeq
  }

  get recordedParams(): ParamValues {
    return this.params.recorded
  }

  /** Changes to record together with the first ones that are submitted. */
  private waiting: ReadonlyArray<Change> = []

  /** Records changes with the next ones that are submitted: they cost no commit of their own. */
  attach(changes: ReadonlyArray<Change>): void {
    this.waiting = [...this.waiting, ...changes]
  }

  /** What will be attached once it is known. */
  private coming: Fiber.Fiber<void> | undefined

  /** Attaches changes once they are known, in the background; the attempt does not end before. What fails is left out and reported. */
  attachLater(changes: Effect.Effect<ReadonlyArray<Change>, StoreError>): Effect.Effect<void, never, Scope.Scope> {
    const attached = Effect.matchCause(changes, {
      onFailure: (cause) => this.tracking.warn(`Something about this attempt could not be recorded: ${describe(Cause.squash(cause))}`),
      onSuccess: (known) => this.attach(known)
    })
    return Effect.map(Effect.forkScoped(attached), (fiber) => {
      this.coming = fiber
      fiber.addObserver(() => {
        this.coming = undefined
      })
    })
  }

  /** Records changes durably, after everything submitted before them. */
  readonly submit = (changes: ReadonlyArray<Change>): Effect.Effect<void, StoreError> => {
    const { coming } = this
    if (coming !== undefined && changes.some(({ _tag }) => _tag === "AttemptEnded")) {
      this.coming = undefined
      return Effect.andThen(Fiber.await(coming), Effect.suspend(() => this.submit(changes)))
    }
    if (this.waiting.length === 0) return this.commit(changes)
    const { waiting } = this
    this.waiting = []
    return Effect.onError(this.commit([...waiting, ...changes]), () => Effect.sync(() => this.attach(waiting)))
  }

  private readonly commit = (changes: ReadonlyArray<Change>): Effect.Effect<void, StoreError> => {
    this.tracked ||= changes.some(({ _tag }) => _tag === "PointsWritten")
    return Effect.tapError(this.store.commit({ runId: this.runId, token: this.token }, changes), (error) =>
      Effect.sync(() => {
        if (error.reason === "LeaseLost") this.stop(error)
        else this.tracking.keepLines(changes)
      }))
  }

  /**
   * Does the run's work until another process has taken the run, or somebody asked it to stop. Where that was before,
   * nothing is begun. Meanwhile what is tracked is recorded.
   */
  untilStopped<A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreError | RunInterrupted, R> {
    return Effect.suspend(() => {
      if (this.ended !== undefined) return Effect.fail(this.ended)
      // A child of the work: it ends with it.
      const kept = Effect.andThen(Effect.forkChild(this.keepUp, { startImmediately: true }), work)
      return Effect.flatMap(Effect.forkChild(kept, { startImmediately: true }), (fiber) => {
        this.interrupt = () => fiber.interruptUnsafe()
        // What came while it began.
        if (this.ended !== undefined) this.interrupt()
        const exit = Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber))
        return Effect.flatMap(exit, (exit): Effect.Effect<A, E | StoreError | RunInterrupted> => (this.ended !== undefined && Exit.isFailure(exit) ? Effect.fail(this.ended) : exit))
      })
    })
  }

  stop(why: StoreError | RunInterrupted): void {
    if (this.ended !== undefined || this.completed) return
    this.ended = why
    this.interrupt?.()
  }

  /** What this attempt executes for other runs, too, by address. */
  private readonly flights = new Map<string, string>()

  /** Takes a flight, which ends with the outcome that is recorded of the address. */
  takeFlight(address: string, key: string, gone: number | undefined): Effect.Effect<boolean, StoreError> {
    // Noted before: an interruption must not leave it taken.
    this.flights.set(address, key)
    return Effect.tap(this.store.takeFlight({ runId: this.runId, token: this.token }, key, gone), (taken) =>
      Effect.sync(() => {
        if (!taken) this.flights.delete(address)
      }))
  }

  /** Ends a flight that no outcome has ended. What cannot be recorded ends with the lease. */
  endFlight(address: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const key = this.flights.get(address)
      this.flights.delete(address)
      return key === undefined ? Effect.void : Effect.ignore(this.submit([{ _tag: "FlightEnded", key }]))
    })
  }

  /** All series of the run. */
  get allSeries(): Effect.Effect<ReadonlyArray<SeriesRecord>, StoreError> {
    return this.tracked ? this.store.series(this.runId) : Effect.succeed([])
  }

  /**
   * Records the outcome of a step with everything that belongs to it; `items` are outcomes that it is made of. With the
   * last step's the attempt ends, unless what follows may still have to execute it (`mayEnd`).
   */
  record(record: Outcome, changes: ReadonlyArray<Change>, items: ReadonlyArray<Outcome> = [], mayEnd = true): Effect.Effect<StepRecord, StoreError> {
    const submitted = [...changes]
    const number = (outcome: Outcome): StepRecord => {
      const numbered = { ...outcome, runId: this.runId, seq: ++this.lastSeq, attempt: this.attempt }
      submitted.push({ _tag: "StepRecorded", record: numbered })
      return numbered
    }
    const numberedItems = items.map(number)
    const numbered = number(record)
    // What the end would wait for must not keep the step from being recorded.
    const flight = this.flights.get(record.address)
    if (flight !== undefined) submitted.push({ _tag: "FlightEnded", key: flight })
    const last = mayEnd && this.coming === undefined && record.address === record.step && record.status !== "failed" && this.isLast()
    if (last) submitted.push({ _tag: "AttemptEnded", attempt: this.attempt, status: "completed", endedAtMs: this.now(), error: null, failedStep: null })
    return Effect.map(this.submit(submitted), () => {
      this.completed = last
      this.flights.delete(record.address)
      for (const one of numberedItems) this.history.add(one)
      this.history.add(numbered)
      return numbered
    })
  }

  /**
   * Takes what has to be recorded: at once, or once nothing tracked is spilled or under way. Were a commit that is under
   * way to fail, what it held would be missing from this one.
   */
  collect<A>(take: () => A): Effect.Effect<A, StoreError> {
    const { tracking } = this
    if (!this.busy && !tracking.isSpilled) return Effect.succeed(take())
    const taken: Effect.Effect<A, StoreError> = Effect.suspend(() =>
      tracking.isSpilled ? Effect.flatMap(tracking.unspill(this.submit), () => taken) : Effect.sync(take))
    return this.exclusively(taken)
  }

  /**
   * Records what is tracked, again and again (what cannot be recorded is kept and reported), and looks whether the run
   * has to stop.
   */
  private get keepUp(): Effect.Effect<never> {
    const once = Effect.suspend(() => Effect.andThen(this.flush(), this.look()))
    return Effect.forever(Effect.delay(once, FLUSH_MS))
  }

  private look(): Effect.Effect<void> {
    const { runId } = this
    return Effect.match(this.store.run(runId), {
      // It is asked for again.
      onFailure: () => {},
      onSuccess: (run) => {
        if (run?.token !== this.token) this.stop(new StoreError({ reason: "LeaseLost", what: `Run "${runId}" is no longer held by this process` }))
        else if (run.cancelRequested) this.stop(new RunInterrupted({ runId, why: "it was cancelled" }))
      }
    })
  }

  flush(): Effect.Effect<void> {
    const { tracking } = this
    const drained = Effect.suspend(() => {
      const drained = tracking.drain()
      return drained.changes.length === 0 ? Effect.void : recording(drained, this.submit)
    })
    return this.exclusively(Effect.andThen(Effect.suspend(() => tracking.unspill(this.submit)), drained)).pipe(
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.interrupt
          : Effect.sync(() => tracking.warn(`What was tracked could not be recorded when it should have been: ${describe(Cause.squash(cause))}`)))
    )
  }

  private exclusively<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.gate.withPermit(Effect.suspend(() => {
      this.busy = true
      return Effect.ensuring(effect, Effect.sync(() => {
        this.busy = false
      }))
    }))
  }

  putArtifact(source: ArtifactSource): Effect.Effect<ArtifactInfo, StoreError> {
    return this.artifactStore.put(source)
  }

  /** Whether an object of that size is in the artifact store. */
  isStored(digest: string, sizeBytes: number): Effect.Effect<boolean, StoreError> {
    return Effect.map(this.artifactStore.size(digest), (size) => size === sizeBytes)
  }

  checkpoints(address: string): Effect.Effect<ReadonlyArray<CheckpointRecord>, StoreError> {
    return this.store.checkpoints(this.runId, address)
  }

  series(address: string): Effect.Effect<ReadonlyArray<SeriesRecord>, StoreError> {
    return Effect.map(this.store.series(this.runId), (all) => all.filter((series) => series.address === address))
  }

  chunks(series: SeriesRecord): Effect.Effect<ReadonlyArray<ChunkRecord>, StoreError> {
    return this.store.chunks(series)
  }

  artifactsOf(address: string, generation: number): Effect.Effect<ReadonlyArray<ArtifactRecord>, StoreError> {
    return Effect.map(this.store.artifacts(this.runId), (all) =>
      all.filter((artifact) => artifact.address === address && artifact.generation === generation))
  }

  fileDigest(path: string): Effect.Effect<string | undefined, StoreError> {
    return this.files.digest(path)
  }
}
