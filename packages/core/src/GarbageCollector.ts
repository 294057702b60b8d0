/**
 * Frees the bytes that no run refers to any more.
 *
 * Safe beside writers: only objects that nothing refreshed for a grace period, nor since the oldest attempt under way
 * began, are looked at, and they are looked at again while nobody can commit, just before they are removed.
 */
import { Clock, Duration, Effect, Stream } from "effect"
import { ArtifactStore } from "./ArtifactStore.ts"
import { ProcessIdentity } from "./ProcessIdentity.ts"
import { type RunQuery, RunStore } from "./RunStore.ts"
import { RunNotFound, type StoreError } from "./UniflowError.ts"

export interface CollectOptions {
  /** How long an object must not have been written or refreshed. Default 1 hour. Whatever it is, what runs under way keep is spared. */
  readonly grace?: Duration.Input | undefined
  /** Tell what would be removed, and remove nothing. */
  readonly dryRun?: boolean | undefined
}

/** What was freed, or would be. */
export interface Collected {
  readonly count: number
  readonly sizeBytes: number
}

/** Objects that are looked at under one lock. */
const BATCH = 256

/** Runs that are asked for at a time. */
const PAGE = 1000

/** When the oldest attempt began whose process may live: what was kept since then may be recorded yet. */
const underWaySinceMs = Effect.gen(function*() {
  const runs = yield* RunStore
  const { look } = yield* ProcessIdentity
  let since = Infinity
  let after: RunQuery["after"]
  while (true) {
    const found = yield* runs.runs({ status: ["running"], limit: PAGE, after })
    for (const { holder, startedAtMs } of found) {
      if (holder !== null && startedAtMs < since && (yield* look(holder)) !== "dead") since = startedAtMs
    }
    after = found.at(-1)
    if (found.length < PAGE) return since
  }
})

/** Removes unreferenced objects and kept blobs. */
export const collect = Effect.fnUntraced(function*(
  options: CollectOptions = {}
): Effect.fn.Return<Collected, StoreError, RunStore | ArtifactStore> {
  const runs = yield* RunStore
  const artifacts = yield* ArtifactStore
  const now = yield* Clock.currentTimeMillis
  const graceMs = Duration.toMillis(Duration.fromInputUnsafe(options.grace ?? Duration.hours(1)))
  const refreshedBeforeMs = Math.min(now - graceMs, yield* underWaySinceMs)
  const dryRun = options.dryRun === true
  const removeAll = Effect.fnUntraced(function*(batch: ReadonlyArray<{ readonly digest: string; readonly sizeBytes: number }>): Effect.fn.Return<Collected, StoreError> {
    let count = 0
    let sizeBytes = 0
    const free = new Set(yield* runs.unreferenced(batch.map(({ digest }) => digest)))
    for (const object of batch) {
      if (!free.has(object.digest)) continue
      if (dryRun || (yield* artifacts.remove(object.digest, { refreshedBeforeMs }))) {
        count++
        sizeBytes += object.sizeBytes
      }
    }
    return { count, sizeBytes }
  })
  const objects = yield* artifacts.list.pipe(
    Stream.filter((object) => object.refreshedAtMs < refreshedBeforeMs),
    Stream.grouped(BATCH),
    Stream.mapEffect((batch) => runs.exclusively(removeAll(batch))),
    Stream.runFold(() => ({ count: 0, sizeBytes: 0 }), (total, one: Collected) => ({ count: total.count + one.count, sizeBytes: total.sizeBytes + one.sizeBytes }))
  )
  const blobs = yield* runs.collectBlobs({ refreshedBeforeMs, dryRun })
  return { count: objects.count + blobs.count, sizeBytes: objects.sizeBytes + blobs.sizeBytes }
})

/** What a purge freed, or would. */
export interface Purged extends Collected {
  /** Bytes of the run that others refer to, or may be about to: `collect` frees them when nobody does. */
  readonly keptBytes: number
}

/** Sizes in bytes of what a run refers to, by digest. */
const objectsOf = Effect.fnUntraced(function*(runId: string): Effect.fn.Return<ReadonlyMap<string, number>, StoreError, RunStore> {
  const store = yield* RunStore
  const sizes = new Map<string, number>()
  for (const { output } of yield* store.steps(runId)) if (output !== null) sizes.set(output.digest, output.sizeBytes)
  for (const { output } of yield* store.checkpoints(runId)) sizes.set(output.digest, output.sizeBytes)
  for (const { digest, sizeBytes } of yield* store.artifacts(runId)) sizes.set(digest, sizeBytes)
  return sizes
})

const sum = (sizes: Iterable<number>): number => [...sizes].reduce((total, size) => total + size, 0)

/**
 * Removes a run and at once, without a grace period, the bytes that nothing else refers to. What was written or refreshed
 * since the oldest attempt under way began is left to `collect`: that attempt may be about to record it. Small bytes that other
 * removed runs left go with it. A dry run tells the most that would be freed. Fails as `RunStore.remove` does.
 */
export const purge = Effect.fnUntraced(function*(
  runId: string,
  options: Pick<CollectOptions, "dryRun"> = {}
): Effect.fn.Return<Purged, RunNotFound | StoreError, RunStore | ArtifactStore> {
  const runs = yield* RunStore
  const artifacts = yield* ArtifactStore
  const objects = yield* objectsOf(runId)
  if (options.dryRun === true) {
    if ((yield* runs.run(runId)) === undefined) return yield* new RunNotFound({ runId })
    return { count: objects.size, sizeBytes: sum(objects.values()), keptBytes: 0 }
  }
  if (!(yield* runs.remove(runId))) return yield* new RunNotFound({ runId })
  // Whoever begins from now on refreshes what it needs from now on.
  const refreshedBeforeMs = Math.min(yield* Clock.currentTimeMillis, yield* underWaySinceMs)
  const left = new Map(objects)
  let count = 0
  const digests = [...objects.keys()]
  for (let at = 0; at < digests.length; at += BATCH) {
    yield* runs.exclusively(Effect.gen(function*() {
      for (const digest of yield* runs.unreferenced(digests.slice(at, at + BATCH))) {
        if (!(yield* artifacts.remove(digest, { refreshedBeforeMs }))) continue
        count++
        left.delete(digest)
      }
    }))
  }
  const freed = sum(objects.values()) - sum(left.values())
  const blobs = yield* runs.collectBlobs({ refreshedBeforeMs, dryRun: false })
  for (const digest of left.keys()) {
    if ((yield* runs.blob(digest)) === undefined && (yield* artifacts.size(digest)) === undefined) left.delete(digest)
  }
  return { count: count + blobs.count, sizeBytes: freed + blobs.sizeBytes, keptBytes: sum(left.values()) }
})
