/**
 * The run store that lives in this process's memory and is gone with it: for tests, previews and the browser.
 *
 * It keeps every promise of `RunStore` but durability: fencing by token, leases, revisions, atomic commits. Records
 * are kept as they are given, so whoever hands one over must not change it afterwards; bytes are copied.
 */
import { Clock, Duration, Effect, Layer, Semaphore } from "effect"
import * as Lease from "./Lease.ts"
import { compareKeys, compareText, type FoundRun, lookupOf, NEWEST_FIRST, sortKeyOf } from "./FoundRun.ts"
import { matches } from "./internal/matches.ts"
import { annotate as annotateRun, apply, copyOf, dropActive, found, keyOf, memoryRun, type MemoryRun, set } from "./internal/memoryRun.ts"
import { ProcessIdentity } from "./ProcessIdentity.ts"
import { changesOf, settled } from "./RunBundle.ts"
import type {
  ActiveStep,
  ArtifactRecord,
  AttemptRecord,
  CheckpointRecord,
  ChunkRecord,
  LogRecord,
  RunRecord,
  SeriesRecord,
  StepRecord
} from "./RunRecord.ts"
import type { Change, ClaimRequest, RunStoreService, Writer } from "./RunStore.ts"
import { RunStore } from "./RunStore.ts"
import { RunNotFound, StoreError } from "./UniflowError.ts"

const inOrder = <A>(records: Map<number, A>, after = -Infinity): Array<A> =>
  [...records].filter(([position]) => position > after).sort(([a], [b]) => a - b).map(([, record]) => record)

const exists = (runId: string): StoreError => new StoreError({ reason: "RunExists", what: `Run "${runId}" exists already` })

const lost = (runId: string): StoreError =>
  new StoreError({ reason: "LeaseLost", what: `Run "${runId}" is no longer held by this process` })

/** A store of its own, empty. */
export const make: Effect.Effect<RunStoreService> = Effect.sync(() => {
  const runs = new Map<string, MemoryRun>()
  const blobs = new Map<string, { readonly bytes: Uint8Array; readonly refreshedAtMs: number }>()
  const identity = { id: crypto.randomUUID(), secret: crypto.getRandomValues(new Uint8Array(32)) }
  const flights = new Map<string, Writer>()
  const gate = Semaphore.makeUnsafe(1)
  let revision = 0

  const read = <A>(runId: string, none: A, f: (entry: MemoryRun) => A): Effect.Effect<A> =>
    Effect.sync(() => {
      const entry = runs.get(runId)
      return entry === undefined ? none : f(entry)
    })

  const blobNow = (digest: string): Uint8Array | undefined => blobs.get(digest)?.bytes.slice()

  /** The first `seq` that is used already, by an earlier record or within the same commit. */
  const repeated = (taken: Map<number, unknown>, records: ReadonlyArray<{ readonly seq: number }>): StoreError | undefined => {
    const seen = new Set<number>()
    for (const { seq } of records) {
      if (taken.has(seq) || seen.has(seq)) return new StoreError({ reason: "NotPermitted", what: `Position ${seq} of the run's record is taken` })
      seen.add(seq)
    }
    return undefined
  }

  const record = (entry: MemoryRun, change: Change, now: number): void => {
    if (change._tag === "BlobKept") blobs.set(change.digest, { bytes: change.bytes.slice(), refreshedAtMs: now })
    else if (change._tag === "FlightEnded") {
      if (flights.get(change.key)?.runId === entry.run.id) flights.delete(change.key)
    } else apply(entry, change, revision)
  }

  /** Takes the run if it is still as it was seen; undefined when another claim was faster. */
  const take = (request: ClaimRequest, before: RunRecord | undefined, monotonicMs: number) => {
    const { create, environment, holder, leaseMs, runId, startedAtMs } = request
    if (runs.get(runId)?.run.token !== before?.token) return undefined
    const held = { status: "running", startedAtMs, endedAtMs: null, error: null, failedStep: null, holder, leaseMs } as const
    revision++
    let entry = runs.get(runId)
    if (entry === undefined || before === undefined) {
      const run: RunRecord = {
        ...create!, ...held, id: runId, note: null, attempts: 1, crashes: 0, token: revision, heartbeat: 1,
        heartbeatMonotonicMs: monotonicMs, cancelRequested: false, revision
      }
      entry = memoryRun(run)
      runs.set(runId, entry)
    } else {
      const { run } = entry
      const died = run.status === "running" && run.holder !== null
      entry.attempts = entry.attempts.map((attempt) =>
        attempt.status === "running" ? { ...attempt, status: died ? "crashed" : "interrupted" } : attempt
      )
      dropActive(entry)
      set(entry, {
        ...held, attempts: run.attempts + 1, crashes: run.crashes + (died ? 1 : 0), token: revision,
        heartbeat: run.heartbeat + 1, heartbeatMonotonicMs: monotonicMs, cancelRequested: false, revision
      })
    }
    const { attempts: attempt, token } = entry.run
    entry.attempts.push({ runId, attempt, status: "running", startedAtMs, endedAtMs: null, environment, error: null })
    return { token, attempt, created: before === undefined, before }
  }

  const heldBy = (runId: string, token: number): MemoryRun | undefined => {
    const entry = runs.get(runId)
    return entry !== undefined && entry.run.token === token && entry.run.holder !== null ? entry : undefined
  }

  const flight = (key: string): RunRecord | undefined => {
    const taken = flights.get(key)
    return taken === undefined ? undefined : heldBy(taken.runId, taken.token)?.run
  }

  const keepUp = Effect.fnUntraced(function*(runId: string, token: number, leaseMs: number, monotonicMs: () => number) {
    while (true) {
      yield* Effect.sleep(Duration.millis(leaseMs / 3))
      const entry = heldBy(runId, token)
      if (entry === undefined) return
      set(entry, { heartbeat: entry.run.heartbeat + 1, heartbeatMonotonicMs: monotonicMs() })
    }
  })

  const claim: RunStoreService["claim"] = Effect.fnUntraced(function*(request) {
    const { runId, leaseMs } = request
    const { monotonicMs } = yield* ProcessIdentity
    while (true) {
      const before = runs.get(runId)?.run
      if (before === undefined && request.create === undefined) return yield* new RunNotFound({ runId })
      if (before !== undefined) {
        if (request.onlyNew) return yield* exists(runId)
        yield* Lease.untilFree(before, Effect.sync(() => runs.get(runId)?.run))
      }
      const claimed = yield* Effect.gen(function*() {
        const claimed = take(request, before, monotonicMs())
        if (claimed === undefined) return undefined
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            const entry = heldBy(runId, claimed.token)
            if (entry !== undefined) set(entry, { holder: null, revision: ++revision })
          })
        )
        yield* Effect.forkScoped(keepUp(runId, claimed.token, leaseMs, monotonicMs))
        return claimed
      }).pipe(gate.withPermit, Effect.uninterruptible)
      if (claimed !== undefined) return claimed
    }
  })

  const commit: RunStoreService["commit"] = (writer, changes) =>
    Clock.currentTimeMillis.pipe(
      Effect.flatMap((now) => {
        const entry = heldBy(writer.runId, writer.token)
        if (entry === undefined) return Effect.fail(lost(writer.runId))
        const refused = repeated(entry.steps, changes.flatMap((change) => change._tag === "StepRecorded" ? [change.record] : []))
          ?? repeated(entry.logs, changes.flatMap((change) => change._tag === "LogsAdded" ? change.logs : []))
        if (refused !== undefined) return Effect.fail(refused)
        if (changes.length > 0) {
          revision++
          for (const change of changes) record(entry, change, now)
          set(entry, { revision })
        }
        return Effect.void
      }),
      gate.withPermit
    )

  const annotate: RunStoreService["annotate"] = (runId, annotations) =>
    Effect.suspend(() => {
      const entry = runs.get(runId)
      if (entry === undefined) return Effect.succeed(false)
      let attempts = entry.run.attempts
      const records: Array<StepRecord> = []
      for (const annotation of annotations) {
        if (annotation._tag !== "AnsweredAgain") continue
        if (entry.run.status !== "completed" || annotation.attempts !== attempts++) return Effect.fail(lost(runId))
        records.push(...annotation.records)
      }
      const refused = repeated(entry.steps, records)
      if (refused !== undefined) return Effect.fail(refused)
      for (const annotation of annotations) annotateRun(entry, annotation)
      if (annotations.length > 0) set(entry, { revision: ++revision })
      return Effect.succeed(true)
    }).pipe(gate.withPermit)

  const remove: RunStoreService["remove"] = Effect.fnUntraced(function*(runId) {
    const run = runs.get(runId)?.run
    if (run === undefined) return false
    if (run.holder !== null && (yield* Lease.judge(run, run.holder)) !== "free") {
      return yield* new StoreError({ reason: "NotPermitted", what: `Run "${runId}" is being worked on and cannot be removed` })
    }
    runs.delete(runId)
    return true
  }, gate.withPermit)

  const restore: RunStoreService["restore"] = (bundle, kept) =>
    Clock.currentTimeMillis.pipe(
      Effect.flatMap((now) => {
        const { attempts, run } = settled(bundle)
        if (runs.has(run.id)) return Effect.fail(exists(run.id))
        const refused = repeated(new Map(), bundle.steps) ?? repeated(new Map(), bundle.logs)
        if (refused !== undefined) return Effect.fail(refused)
        revision++
        const entry = memoryRun({ ...run, token: revision, revision })
        entry.attempts.push(...attempts)
        for (const change of changesOf(bundle, kept)) record(entry, change, now)
        runs.set(run.id, entry)
        return Effect.void
      }),
      gate.withPermit
    )

  const referenced = (): Set<string> => {
    const digests = new Set<string>()
    for (const { artifacts, checkpoints, steps } of runs.values()) {
      for (const { output } of steps.values()) if (output !== null) digests.add(output.digest)
      for (const { output } of checkpoints) digests.add(output.digest)
      for (const { digest } of artifacts.values()) digests.add(digest)
    }
    return digests
  }

  return {
    identity: Effect.succeed(identity),
    claim,
    commit,
    annotate,
    remove,
    restore,
    run: (runId) => read<RunRecord | undefined>(runId, undefined, ({ run }) => run),
    find: ({ after, limit, orderBy = NEWEST_FIRST, where }) =>
      Effect.sync(() => {
        const order = compareKeys(orderBy)
        const all: Array<FoundRun> = []
        for (const entry of runs.values()) {
          const one = found(entry)
          const lookup = lookupOf(one)
          const sortKey = sortKeyOf(orderBy, one.run.id, lookup)
          if ((where === undefined || matches(where, lookup)) && (after === undefined || order(after, sortKey) < 0)) all.push({ ...one, sortKey })
        }
        return all.sort((a, b) => order(a.sortKey, b.sortKey)).slice(0, Math.max(0, Math.min(limit, 1000)))
      }),
    runs: ({ after, experiment, limit, pipeline, status }) =>
      Effect.sync(() => {
        const order = (a: { createdAtMs: number; id: string }, b: { createdAtMs: number; id: string }): number =>
          b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
        return [...runs.values()].map(({ run }) => run).filter((run) =>
          (pipeline === undefined || run.pipeline === pipeline)
          && (experiment === undefined || run.experiment === experiment)
          && (status === undefined || status.includes(run.status))
          && (after === undefined || order(after, run) < 0)
        ).sort(order).slice(0, Math.min(limit, 1000))
      }),
    experiments: Effect.sync(() =>
      [...Map.groupBy([...runs.values()].map(({ run }) => run), ({ experiment }) => experiment)].map(([experiment, own]) => ({
        experiment,
        runs: own.length,
        running: own.filter(({ status }) => status === "running").length,
        failed: own.filter(({ status }) => status === "failed" || status === "crashed").length,
        newestAtMs: own.reduce((newest, { createdAtMs }) => Math.max(newest, createdAtMs), -Infinity)
      })).sort((a, b) => b.newestAtMs - a.newestAtMs || compareText(a.experiment, b.experiment)).slice(0, 1000)
    ),
    attempts: (runId) => read<ReadonlyArray<AttemptRecord>>(runId, [], ({ attempts }) => [...attempts]),
    steps: (runId, after) => read<ReadonlyArray<StepRecord>>(runId, [], ({ steps }) => inOrder(steps, after)),
    active: (runId) => read<ReadonlyArray<ActiveStep>>(runId, [], ({ active }) => [...active.values()]),
    series: (runId) => read<ReadonlyArray<SeriesRecord>>(runId, [], ({ series }) => [...series.values()].map(({ record }) => record)),
    chunks: ({ address, generation, key, runId }, fromChunk = 0) =>
      read<ReadonlyArray<ChunkRecord>>(runId, [], ({ series }) =>
        inOrder(series.get(keyOf(address, generation, key))?.chunks ?? new Map<number, ChunkRecord>(), fromChunk - 1).map(copyOf)),
    checkpoints: (runId, address) =>
      read<ReadonlyArray<CheckpointRecord>>(runId, [], ({ checkpoints }) =>
        checkpoints.filter((record) => address === undefined || record.address === address).sort((a, b) => a.seq - b.seq)),
    artifacts: (runId) => read<ReadonlyArray<ArtifactRecord>>(runId, [], ({ artifacts }) => [...artifacts.values()]),
    logs: (runId, { address, after, limit = 1000 } = {}) =>
      read<ReadonlyArray<LogRecord>>(runId, [], ({ logs }) =>
        inOrder(logs, after).filter((line) => address === undefined || line.address === address).slice(0, limit)),
    blob: (digest) => Effect.sync(() => blobNow(digest)),
    blobNow,
    lookup: (step, fingerprint) =>
      Effect.sync(() =>
        [...runs.values()].flatMap(({ steps }) => [...steps.values()]).filter((record) =>
          record.step === step && record.fingerprint === fingerprint && record.status === "completed"
          && record.cacheable && !record.trusted && record.decision !== "restored"
        ).sort((a, b) => b.startedAtMs - a.startedAtMs).slice(0, 16)
      ),
    takeFlight: (writer, key, gone) =>
      Effect.suspend(() => {
        if (heldBy(writer.runId, writer.token) === undefined) return Effect.fail(lost(writer.runId))
        const token = flight(key)?.token
        if (token !== undefined && token !== writer.token && token !== gone) return Effect.succeed(false)
        flights.set(key, writer)
        return Effect.succeed(true)
      }).pipe(gate.withPermit),
    flight: (key) => Effect.sync(() => flight(key)),
    changes: (cursor) =>
      Effect.sync(() => {
        const changed = [...runs.values()].map(({ run }) => run).filter((run) => run.revision > cursor)
          .sort((a, b) => a.revision - b.revision).slice(0, 1000)
        return { cursor: changed.at(-1)?.revision ?? cursor, runIds: changed.map(({ id }) => id) }
      }),
    unreferenced: (digests) =>
      Effect.sync(() => {
        const used = referenced()
        return digests.filter((digest) => !used.has(digest))
      }),
    collectBlobs: ({ dryRun, refreshedBeforeMs }) =>
      Effect.sync(() => {
        const used = referenced()
        let count = 0
        let sizeBytes = 0
        for (const [digest, { bytes, refreshedAtMs }] of blobs) {
          if (used.has(digest) || refreshedAtMs >= refreshedBeforeMs) continue
          count++
          sizeBytes += bytes.length
          if (!dryRun) blobs.delete(digest)
        }
        return { count, sizeBytes }
      }).pipe(gate.withPermit),
    exclusively: gate.withPermit
  }
})

/** A `RunStore` in memory, empty when the layer is built. */
export const layer: Layer.Layer<RunStore> = Layer.effect(RunStore, make)
