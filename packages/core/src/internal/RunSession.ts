import { Cause, Deferred, Effect, Exit, type Scope, Semaphore } from "effect"
import type { ArtifactInfo, ArtifactSource, ArtifactStoreService } from "../ArtifactStore.ts"
import type { HasherService } from "../Hasher.ts"
import type { ArtifactRecord, CheckpointRecord, ChunkRecord, ParamValues, SeriesRecord, StepRecord } from "../RunRecord.ts"
import type { Change, RunStoreService } from "../RunStore.ts"
import type { SourceFilesService } from "../SourceFiles.ts"
import { describe, type StoreError } from "../UniflowError.ts"
import type { History } from "./History.ts"
import type { Objects } from "./Objects.ts"
import type { RunParams } from "./params.ts"
import type { TrackingBuffer } from "./TrackingBuffer.ts"

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
  private readonly taken = Deferred.makeUnsafe<never, StoreError>()

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
    this.redact = options.redact
    this.store = options.store
    this.files = options.files
    this.artifactStore = options.artifactStore
    this.token = options.token
    this.mayHaveCheckpoints = options.attempt > 1
    this.lastSeq = options.history.lastSeq
  }

  get recordedParams(): ParamValues {
    return this.params.recorded
  }

  /** Records changes durably, after everything submitted before them. */
  readonly submit = (changes: ReadonlyArray<Change>): Effect.Effect<void, StoreError> =>
    Effect.tapError(this.store.commit({ runId: this.runId, token: this.token }, changes), (error) =>
      Effect.sync(() => {
        if (error.reason === "LeaseLost") Deferred.doneUnsafe(this.taken, Exit.fail(error))
        // Lines that a commit recorded though it seemed to fail are refused ever after.
        else if (error.reason !== "NotPermitted") this.tracking.keepLines(changes)
      }))

  /** Fails once another process has taken the run. */
  get lost(): Effect.Effect<never, StoreError> {
    return Deferred.await(this.taken)
  }

  /** Records the outcome of a step with everything that belongs to it; `items` are outcomes that it is made of. */
  record(record: Outcome, changes: ReadonlyArray<Change>, items: ReadonlyArray<Outcome> = []): Effect.Effect<StepRecord, StoreError> {
    return Effect.suspend(() => {
      const numbered = [...items, record].map((outcome): StepRecord => {
        return { ...outcome, runId: this.runId, seq: ++this.lastSeq, attempt: this.attempt }
      })
      const recorded = numbered.map((one) => ({ _tag: "StepRecorded" as const, record: one }))
      return Effect.map(this.submit([...changes, ...recorded]), () => {
        for (const one of numbered) this.history.add(one)
        return numbered.at(-1)!
      })
    })
  }

  /**
   * Takes what has to be recorded, once nothing tracked is spilled or under way: were a commit that is under way to
   * fail, what it held would be missing from this one.
   */
  collect<A>(take: () => A): Effect.Effect<A, StoreError> {
    const { tracking } = this
    const taken: Effect.Effect<A, StoreError> = Effect.suspend(() =>
      tracking.isSpilled ? Effect.flatMap(tracking.unspill(this.submit), () => taken) : Effect.sync(take))
    return Effect.suspend(() => (this.busy || tracking.isSpilled ? this.exclusively(taken) : Effect.succeed(take())))
  }

  /** Records what is tracked, again and again; what cannot be recorded is kept and reported. */
  readonly keepFlushing: Effect.Effect<void, never, Scope.Scope> = Effect.forkScoped(
    Effect.forever(Effect.delay(Effect.suspend(() => this.flush()), FLUSH_MS))
  )

  flush(): Effect.Effect<void> {
    const { tracking } = this
    const drained = Effect.suspend(() => {
      const { changes, putBack } = tracking.drain()
      return changes.length === 0 ? Effect.void : Effect.onError(this.submit(changes), () => Effect.sync(putBack))
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
