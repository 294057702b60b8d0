import type {
  ActiveStep,
  ArtifactRecord,
  AttemptEnvironment,
  Change,
  CheckpointRecord,
  ChunkRecord,
  Claim,
  ClaimRequest,
  Holder,
  LogRecord,
  NewRun,
  ProcessIdentityService,
  RunRecord,
  RunStoreService,
  SeriesSummary,
  StepRecord,
  StoreError,
  Writer
} from "@uniflow/core"
import { PointChunk, ProcessIdentity } from "@uniflow/core"
import { Clock, Duration, Effect, type Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import type { RunStorePlace } from "../RunStoreSuite.ts"
import { failureOf, turn } from "./effects.ts"

/** One process as a store sees it: its handle, and who it is. */
export interface Process {
  readonly store: RunStoreService
  readonly holder: Holder
}

/** Opens a handle as a process would. By default all processes share a boot and know nothing else of each other. */
export const processOf = (
  place: RunStorePlace,
  nonce = "process-1",
  { bootId = "boot-1", look = () => "unknown", monotonicMs }: {
    readonly bootId?: string
    readonly look?: (holder: Holder) => "dead" | "alive" | "unknown"
    readonly monotonicMs?: () => number
  } = {}
): Effect.Effect<Process, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.clockWith(Effect.succeed)
    const self = { nonce, host: "host-1", pid: 4711, bootId, pidNamespace: "pid:1", processStart: "17" }
    const identity: ProcessIdentityService = {
      self,
      // Looking takes its time, so that others come in between.
      look: (holder) => Effect.yieldNow.pipe(Effect.map(() => holder.nonce === nonce ? "alive" : look(holder))),
      monotonicMs: monotonicMs ?? (() => clock.currentTimeMillisUnsafe())
    }
    const store = yield* Effect.provideService(place.open, ProcessIdentity, identity)
    return {
      store: {
        ...store,
        claim: (request) => Effect.provideService(store.claim(request), ProcessIdentity, identity),
        remove: (runId) => Effect.provideService(store.remove(runId), ProcessIdentity, identity)
      },
      holder: { ...self, sinceMs: 1_000 }
    }
  })

export const environment: AttemptEnvironment = { runtime: "node 24.21.0", platform: "linux", host: "host-1", pid: 4711, argv: ["node"], packages: {} }

export const newRun = (id: string, fields: Partial<NewRun> = {}): NewRun => ({
  id,
  pipeline: "digits",
  experiment: "digits",
  params: { rate: 0.1 },
  seed: 7,
  parent: null,
  tags: {},
  goals: {},
  createdAtMs: 500,
  ...fields
})

/** Long enough that nothing renews it by itself while a test runs. */
export const leaseMs = 600_000

export const requestOf = ({ holder }: Process, runId: string, fields: Partial<ClaimRequest> = {}): ClaimRequest => ({
  runId,
  create: newRun(runId),
  onlyNew: false,
  holder,
  environment,
  leaseMs,
  startedAtMs: 1_000,
  ...fields
})

/** A run that a process works on, and short forms of what it does. */
export interface Work {
  readonly claim: Claim
  readonly writer: Writer
  readonly commit: (...changes: ReadonlyArray<Change>) => Effect.Effect<void, StoreError>
  readonly end: (fields?: Partial<Extract<Change, { readonly _tag: "AttemptEnded" }>>) => Effect.Effect<void, StoreError>
}

/** Claims a run; the lease ends with the scope. */
export const work = (process: Process, runId = "run-1", fields: Partial<ClaimRequest> = {}) =>
  Effect.map(process.store.claim(requestOf(process, runId, fields)), (claim): Work => {
    const writer = { runId, token: claim.token }
    const commit = (...changes: ReadonlyArray<Change>): Effect.Effect<void, StoreError> => process.store.commit(writer, changes)
    return {
      claim,
      writer,
      commit,
      end: (fields) =>
        commit({ _tag: "AttemptEnded", attempt: claim.attempt, status: "completed", endedAtMs: 2_000, error: null, failedStep: null, ...fields })
    }
  })

/** The clock of a process that stands still: it renews nothing any more, and releases nothing. */
export const frozen = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Clock.clockWith((clock) =>
    Effect.provideService(effect, Clock.Clock, {
      currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
      currentTimeMillis: clock.currentTimeMillis,
      currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
      currentTimeNanos: clock.currentTimeNanos,
      monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: clock.monotonicTimeNanos,
      sleep: () => Effect.never
    })
  )

/** Moves time on until the fiber is done. */
export const advanceUntilDone = (fiber: Fiber.Fiber<unknown, unknown>, stepMs: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust(Duration.millis(stepMs))
      yield* turn
    }
  })

export const digestOf = (n: number): string => n.toString(16).padStart(64, "0")

export const outputOf = (digest: string) => ({ digest, sizeBytes: 3, codec: "json", mediaType: "application/json" })

export const stepOf = (runId: string, seq: number, fields: Partial<StepRecord> = {}): StepRecord => ({
  runId,
  seq,
  address: "train",
  step: "train",
  attempt: 1,
  decision: "executed",
  reasons: [{ component: "first" }],
  status: "completed",
  generation: 1,
  fingerprint: digestOf(1),
  components: null,
  seed: null,
  output: null,
  trusted: false,
  cacheable: false,
  source: null,
  retries: 0,
  startedAtMs: 1_000,
  durationMs: 5,
  error: null,
  ...fields
})

export const recorded = (runId: string, seq: number, fields: Partial<StepRecord> = {}): Change => ({
  _tag: "StepRecorded",
  record: stepOf(runId, seq, fields)
})

export const activeOf = (runId: string, address: string, fields: Partial<ActiveStep> = {}): ActiveStep => ({
  runId,
  address,
  step: address,
  attempt: 1,
  startedAtMs: 1_000,
  rerun: 0,
  once: false,
  fingerprint: digestOf(1),
  done: null,
  total: null,
  message: null,
  ...fields
})

export const checkpointOf = (runId: string, version: number, fields: Partial<CheckpointRecord> = {}): CheckpointRecord => ({
  runId,
  address: "train",
  name: "model",
  version,
  seq: version,
  fingerprint: digestOf(1),
  generation: 1,
  attempt: 1,
  output: outputOf(digestOf(100 + version)),
  position: { points: { loss: { count: version, nextIndex: version } }, random: null, versions: { model: version } },
  savedAtMs: 1_000 + version,
  ...fields
})

export const artifactOf = (runId: string, name: string, fields: Partial<ArtifactRecord> = {}): ArtifactRecord => ({
  runId,
  address: "train",
  generation: 1,
  attempt: 1,
  name,
  digest: digestOf(200),
  sizeBytes: 3,
  mediaType: "text/plain",
  codec: null,
  createdAtMs: 1_000,
  ...fields
})

export const logOf = (runId: string, seq: number, fields: Partial<LogRecord> = {}): LogRecord => ({
  runId,
  seq,
  address: "train",
  attempt: 1,
  atMs: 1_000 + seq,
  level: "info",
  message: `line ${seq}`,
  ...fields
})

export const summaryOf = (count: number): SeriesSummary => ({ ...PointChunk.emptySummary, count, sum: count })

export const pointsOf = (key: string, chunks: ReadonlyArray<number>, fields: { address?: string; generation?: number; fill?: number } = {}): Change => {
  const { address = "train", fill = 1, generation = 1 } = fields
  return {
    _tag: "PointsWritten",
    series: { address, generation, key },
    chunks: chunks.map((chunk) => ({ chunk, count: 2, bytes: new Uint8Array([chunk, fill]) })),
    summary: summaryOf(chunks.length)
  }
}

/** The effect must be refused for this reason. */
export const refused = <A, E, R>(effect: Effect.Effect<A, E, R>, reason: StoreError["reason"]): Effect.Effect<void, never, R> =>
  Effect.map(failureOf(effect), (error) => expect(error).toMatchObject({ _tag: "StoreError", reason }))

/** The record of a run that has to be there. */
export const runOf = ({ store }: Process, runId = "run-1"): Effect.Effect<RunRecord, StoreError> =>
  Effect.map(store.run(runId), (run) => run ?? expect.fail(`there is no run ${runId}`))

/** A store may hand out a subclass of Uint8Array. */
export const plainChunks = (chunks: ReadonlyArray<ChunkRecord>): ReadonlyArray<ChunkRecord> =>
  chunks.map((chunk) => ({ ...chunk, bytes: new Uint8Array(chunk.bytes) }))

/** Everything a store tells of a run, in an order of its own: what "nothing was changed" is measured by. */
export const everythingOf = Effect.fnUntraced(function*({ store }: Process, runId = "run-1") {
  const series = yield* store.series(runId)
  const by = <A>(key: (value: A) => string, values: ReadonlyArray<A>): ReadonlyArray<A> =>
    [...values].sort((a, b) => key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0)
  return {
    run: yield* store.run(runId),
    attempts: yield* store.attempts(runId),
    steps: yield* store.steps(runId),
    active: by(({ address }) => address, yield* store.active(runId)),
    series: by(({ address, generation, key }) => JSON.stringify([address, generation, key]), series),
    chunks: yield* Effect.forEach(
      by(({ address, generation, key }) => JSON.stringify([address, generation, key]), series),
      (one) => Effect.map(store.chunks(one), plainChunks)
    ),
    checkpoints: by(({ address, seq }) => JSON.stringify([address, 1e15 + seq]), yield* store.checkpoints(runId)),
    artifacts: by(({ address, generation, name }) => JSON.stringify([address, generation, name]), yield* store.artifacts(runId)),
    logs: yield* store.logs(runId)
  }
})
