import { Effect, Exit, type Scope } from "effect"
import type { ArtifactInfo, ArtifactSource, ArtifactStoreService } from "../ArtifactStore.ts"
import type { HasherService } from "../Hasher.ts"
import type { ArtifactRecord, CheckpointRecord, ChunkRecord, ParamValues, SeriesRecord, StepRecord } from "../RunRecord.ts"
import type { Change, RunStoreService } from "../RunStore.ts"
import type { SourceFilesService } from "../SourceFiles.ts"
import type { StoreError } from "../UniflowError.ts"
import type { History } from "./History.ts"
import type { Objects } from "./Objects.ts"
import type { Outbox } from "./Outbox.ts"
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
  private readonly outbox: Outbox
  /** Whether an earlier attempt, or this one by now, may have saved manual checkpoints. */
  mayHaveCheckpoints: boolean
  private lastSeq: number

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
    readonly outbox: Outbox
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
    this.outbox = options.outbox
    this.mayHaveCheckpoints = options.attempt > 1
    this.lastSeq = options.history.lastSeq
  }

  get recordedParams(): ParamValues {
    return this.params.recorded
  }

  submit(changes: ReadonlyArray<Change>): Effect.Effect<void, StoreError> {
    return this.outbox.submit(changes)
  }

  /** Records the outcome of a step with everything that belongs to it; `items` are outcomes that it is made of. */
  record(record: Outcome, changes: ReadonlyArray<Change>, items: ReadonlyArray<Outcome> = []): Effect.Effect<StepRecord, StoreError> {
    return Effect.suspend(() => {
      const numbered = [...items, record].map((outcome): StepRecord => {
        this.tracking.forget(`active ${outcome.address}`)
        return { ...outcome, runId: this.runId, seq: ++this.lastSeq, attempt: this.attempt }
      })
      const recorded = numbered.map((one) => ({ _tag: "StepRecorded" as const, record: one }))
      return Effect.map(this.outbox.submit([...changes, ...recorded]), () => {
        for (const one of numbered) this.history.add(one)
        return numbered.at(-1)!
      })
    })
  }

  unspill(): Effect.Effect<void, StoreError> {
    return this.tracking.unspill(this.outbox)
  }

  /** Records what is tracked, again and again; what cannot be recorded is kept and reported. */
  readonly keepFlushing: Effect.Effect<void, never, Scope.Scope> = Effect.forkScoped(
    Effect.forever(Effect.delay(Effect.suspend(() => this.flush()), FLUSH_MS))
  )

  flush(): Effect.Effect<void> {
    const { tracking } = this
    return Effect.exit(this.unspill()).pipe(
      Effect.flatMap(() => {
        const changes = tracking.drain()
        return changes.length === 0 ? Effect.succeed(Exit.void) : Effect.map(Effect.exit(this.submit(changes)), (exit) => {
          if (Exit.isFailure(exit)) tracking.putBack(changes)
          return exit
        })
      }),
      Effect.asVoid
    )
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
