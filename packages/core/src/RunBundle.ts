/**
 * A run with everything recorded of it, as it is copied from one store to another.
 *
 * `RunStore.restore` records a bundle under an id that is free, whole or not at all. What belongs to a process that is
 * at work (lease, heartbeat, token, a request to stop) is no part of it: a run that was running stands as `interrupted`.
 */
import { Effect } from "effect"
import type {
  ActiveStep,
  ArtifactRecord,
  AttemptRecord,
  CheckpointRecord,
  ChunkRecord,
  LogRecord,
  RunRecord,
  SeriesKey,
  SeriesSummary,
  StepRecord
} from "./RunRecord.ts"
import type { Change, RunStoreService } from "./RunStore.ts"
import type { StoreError } from "./UniflowError.ts"

/** A series with all of its points. */
export interface BundledSeries extends Omit<SeriesKey, "runId"> {
  readonly summary: SeriesSummary
  readonly chunks: ReadonlyArray<ChunkRecord>
}

/** Everything recorded of one run, the bytes of its values aside. */
export interface RunBundle {
  readonly run: RunRecord
  readonly attempts: ReadonlyArray<AttemptRecord>
  /** In the order of `seq`. */
  readonly steps: ReadonlyArray<StepRecord>
  /** What an interrupted attempt was executing. */
  readonly active: ReadonlyArray<ActiveStep>
  readonly checkpoints: ReadonlyArray<CheckpointRecord>
  readonly artifacts: ReadonlyArray<ArtifactRecord>
  readonly series: ReadonlyArray<BundledSeries>
  /** In the order of `seq`. */
  readonly logs: ReadonlyArray<LogRecord>
}

/** Small bytes that are kept inside the run store. */
export interface KeptBlob {
  readonly digest: string
  readonly bytes: Uint8Array
}

/** Every version of a checkpoint is kept: none is as old as this. */
const ALL = Number.MAX_SAFE_INTEGER

const placeOf = ({ address, generation }: { readonly address: string; readonly generation: number }): string => `${generation} ${address}`

/**
 * The changes that record a bundle in a run that has its record and attempts, in an order that leaves every summary as
 * it was: points that were recorded with their step come before its record, those of what was being executed after it.
 */
export const changesOf = ({ active, artifacts, checkpoints, logs, series, steps }: RunBundle, blobs: ReadonlyArray<KeptBlob>): ReadonlyArray<Change> => {
  const recorded = new Set(steps.map(placeOf))
  const pointsOf = (isRecorded: boolean): ReadonlyArray<Change> =>
    series.filter((one) => recorded.has(placeOf(one)) === isRecorded).sort((a, b) => a.generation - b.generation)
      .map(({ chunks, summary, ...series }) => ({ _tag: "PointsWritten", series, chunks, summary }))
  return [
    ...blobs.map((blob): Change => ({ _tag: "BlobKept", ...blob })),
    ...pointsOf(true),
    ...steps.map((record): Change => ({ _tag: "StepRecorded", record })),
    ...pointsOf(false),
    ...active.map((active): Change => ({ _tag: "StepActive", active })),
    ...checkpoints.toSorted((a, b) => a.version - b.version).map((record): Change => ({ _tag: "CheckpointSaved", record, keep: ALL })),
    ...artifacts.map((record): Change => ({ _tag: "ArtifactNamed", record })),
    { _tag: "LogsAdded", logs }
  ]
}

const stopped = <A extends { readonly status: RunRecord["status"] }>(one: A): A => one.status === "running" ? { ...one, status: "interrupted" } : one

/** The statuses of a copy: nobody works on it. */
export const settled = ({ attempts, run }: Pick<RunBundle, "run" | "attempts">): Pick<RunBundle, "run" | "attempts"> => ({
  run: { ...stopped(run), holder: null, heartbeat: 0, heartbeatMonotonicMs: 0, cancelRequested: false },
  attempts: attempts.map(stopped)
})

/** Log lines that are read at a time. */
const LINES = 1000

const readOnce = Effect.fnUntraced(function*(store: RunStoreService, run: RunRecord): Effect.fn.Return<RunBundle, StoreError> {
  const logs: Array<LogRecord> = []
  while (true) {
    const page = yield* store.logs(run.id, { after: logs.at(-1)?.seq, limit: LINES })
    logs.push(...page)
    if (page.length < LINES) break
  }
  const series = yield* Effect.forEach(yield* store.series(run.id), ({ address, generation, key, summary }) =>
    Effect.map(store.chunks({ runId: run.id, address, generation, key }), (chunks): BundledSeries => ({ address, generation, key, summary, chunks })))
  return {
    ...settled({ run, attempts: yield* store.attempts(run.id) }),
    steps: yield* store.steps(run.id),
    active: yield* store.active(run.id),
    checkpoints: yield* store.checkpoints(run.id),
    artifacts: yield* store.artifacts(run.id),
    series,
    logs
  }
})

/** How often a run that changes meanwhile is read anew before its store is held still. */
const TRIES = 3

/**
 * Everything recorded of a run at one moment, whoever writes meanwhile, as it stands in a copy (`settled`); undefined where
 * there is no such run. A run that goes on changing while it is read holds up the store's writers for one reading.
 */
export const readBundle = Effect.fnUntraced(function*(store: RunStoreService, runId: string): Effect.fn.Return<RunBundle | undefined, StoreError> {
  for (let tries = 0; tries < TRIES; tries++) {
    const run = yield* store.run(runId)
    if (run === undefined) return undefined
    const bundle = yield* readOnce(store, run)
    if ((yield* store.run(runId))?.revision === run.revision) return bundle
  }
  return yield* store.exclusively(Effect.gen(function*() {
    const run = yield* store.run(runId)
    return run === undefined ? undefined : yield* readOnce(store, run)
  }))
})
