/**
 * The run store in a SQL database: one implementation for every dialect, over a `SqlDriver`.
 *
 * All writes go through one queue, and what waits at the same moment is committed in one durable transaction
 * (`GroupCommit`). Each run's write is fenced by its token on its own: a stale one fails alone. Reads and migrations go
 * through effect/sql, and every row is decoded by a Schema. docs/format/store.md describes the tables.
 */
import {
  type Annotation,
  type Change,
  type Claim,
  type ClaimRequest,
  describe,
  Facts,
  Lease,
  ProcessIdentity,
  RunNotFound,
  type RunRecord,
  RunStore,
  type RunStoreService,
  settled,
  StoreError,
  type StoreIdentity
} from "@uniflow/core"
import { Clock, Duration, Effect, Layer, Scope } from "effect"
import * as GroupCommit from "./GroupCommit.ts"
import * as claiming from "./internal/claiming.ts"
import { dialectOf } from "./internal/dialect.ts"
import * as inlineOutputs from "./internal/inlineOutputs.ts"
import * as reading from "./internal/reads.ts"
import * as restoring from "./internal/restoring.ts"
import * as rows from "./internal/rows.ts"
import { bool, commitStatements, type Counted, countedIf, fenced, insertStep, int, json, removeStatements, REVISION } from "./internal/statements.ts"
import * as summaries from "./internal/summaries.ts"
import { text, textOrNull } from "./internal/text.ts"
import { migrate } from "./Migrations.ts"
import { SqlDriver, type SqlHeartbeat, type SqlStatement, type SqlUnit } from "./SqlDriver.ts"

const lost = (runId: string, what = "another process took it, or it has ended"): StoreError =>
  new StoreError({ reason: "LeaseLost", what: `Run "${runId}" is no longer held by this process: ${what}. Nothing was recorded` })

const unrecordable = (runId: string, cause: unknown): StoreError =>
  new StoreError({ reason: "NotPermitted", what: `A change of run "${runId}" cannot be recorded (${describe(cause)})` })

/** Names of everything that the summaries keep of a run's params, tags and Git state. */
const factNames = ({ params, tags }: RunRecord): ReadonlyArray<string> => [
  ...[...Facts.paramFacts(params), ...Facts.tagFacts(tags)].map(([name]) => name),
  ...Facts.GIT_FACTS
]

/** Brings the database up to date and gives the store over it. Fails with `NewerFormat`, `Corrupt`, `Busy`, … */
export const make: Effect.Effect<RunStoreService, StoreError, SqlDriver> = Effect.gen(function*() {
  const driver = yield* SqlDriver
  const dialect = dialectOf(driver.dialect)
  yield* migrate(driver)
  const { first, many, runWithKey, ...reads } = reading.make(driver)
  const submit = GroupCommit.make(driver)

  /** Keys of the runs that are held through this store, by their tokens, which no two claims share. */
  const held = new Map<number, Counted & { readonly runId: string; readonly key: bigint }>()

  /** Many runs wait to be settled: the next commit does it. */
  let due = false
  const settling = (): ReadonlyArray<SqlStatement> => {
    due = false
    return inlineOutputs.settleAll
  }

  const keyOf = (runId: string) =>
    Effect.map(first(`Run "${runId}"`, rows.integer, "SELECT key FROM runs WHERE id = ?", [text(runId)]), (key) => key === undefined ? undefined : BigInt(key))

  /** Statements from values: one that no column can hold is refused before anything is written. */
  const statements = <A>(runId: string, build: () => A): Effect.Effect<A, StoreError> =>
    Effect.try({ try: build, catch: (cause) => unrecordable(runId, cause) })

  let known: StoreIdentity | undefined
  const readIdentity = Effect.gen(function*() {
    const value = (name: string) => first("The store's identity", rows.text, "SELECT value FROM meta WHERE name = ?", [name])
    const id = yield* value("id")
    const secret = yield* value("secret")
    if (id === undefined || secret === undefined || !/^[0-9a-f]{64}$/.test(secret)) {
      return yield* new StoreError({ reason: "Corrupt", what: `The store ${driver.name} has lost its identity (table meta)` })
    }
    return known = { id, secret: Uint8Array.from(secret.match(/../g)!, (byte) => parseInt(byte, 16)) }
  })
  const identity = Effect.suspend(() => known === undefined ? readIdentity : Effect.succeed(known))

  /** Keeps a lease by a fiber, where the driver cannot. */
  const beat = ({ everyMs, monotonicMs, params, sql }: SqlHeartbeat) =>
    Effect.forkScoped(Effect.gen(function*() {
      while (true) {
        yield* Effect.sleep(Duration.millis(everyMs))
        // A heartbeat that fails is tried again; whether the run is still held is for the fence to say.
        yield* Effect.ignore(submit({ guard: { sql, params: [monotonicMs(), ...params] }, statements: [] }))
      }
    }))

  /** Takes or makes the run and keeps the lease up; undefined when somebody else was faster. */
  const win = Effect.fnUntraced(
    function*({ leaseMs, runId }: ClaimRequest, monotonicMs: () => number, before: RunRecord | undefined, unit: SqlUnit) {
      const outcome = yield* submit(unit)
      if (outcome._tag === "Refused") return undefined
      const [number, token, highest, waitingRuns, tracked] = rows.numbers.decode(outcome.rows[0] ?? [])
      if (typeof number !== "number" || typeof token !== "number") return yield* Effect.die(new Error("a claim gives the run's key and token"))
      const key = BigInt(number)
      held.set(token, { runId, key, highest: highest ?? 0, waiting: 0, shown: before === undefined ? new Set() : undefined, stale: (tracked ?? 0) !== 0 })
      due ||= (waitingRuns ?? 0) >= inlineOutputs.SETTLE_RUNS
      const heartbeat = claiming.heartbeat(key, token, leaseMs, monotonicMs)
      const end = driver.keepAlive?.(heartbeat)
      yield* Scope.addFinalizer(yield* Effect.scope, Effect.suspend(() => {
        end?.()
        return held.delete(token)
          ? submit(claiming.release(key, token)).pipe(
            Effect.catch((error) => Effect.logWarning(`The lease of run "${runId}" could not be given back; it runs out by itself`, error.message))
          )
          : Effect.void
      }))
      if (end === undefined) yield* beat(heartbeat)
      const claim: Claim = { token, attempt: (before?.attempts ?? 0) + 1, created: before === undefined, before }
      return claim
    },
    Effect.uninterruptible
  )

  const claim: RunStoreService["claim"] = Effect.fnUntraced(function*(request) {
    const { create, onlyNew, runId } = request
    const { monotonicMs } = yield* ProcessIdentity
    while (true) {
      if (create !== undefined) {
        const made = yield* win(request, monotonicMs, undefined, yield* statements(runId, () => claiming.create(request, create, monotonicMs())))
        if (made !== undefined) return made
      }
      if (onlyNew && create !== undefined) return yield* new StoreError({ reason: "RunExists", what: `Run "${runId}" exists already` })
      const found = yield* runWithKey(runId)
      if (found === undefined) {
        if (create === undefined) return yield* new RunNotFound({ runId })
        continue
      }
      if (onlyNew) return yield* new StoreError({ reason: "RunExists", what: `Run "${runId}" exists already` })
      const { key, run } = found
      yield* Lease.untilFree(run, reads.run(runId))
      const unit = yield* statements(runId, () => claiming.take(request, key, run, monotonicMs()))
      const taken = yield* win(request, monotonicMs, run, unit)
      if (taken !== undefined) return taken
    }
  })

  const record = (runId: string, token: number, key: bigint, counted: Counted | undefined, changes: ReadonlyArray<Change>) =>
    Effect.clockWith((clock): Effect.Effect<void, StoreError> => {
      let unit: SqlUnit
      try {
        const recording = commitStatements(key, changes, clock.currentTimeMillisUnsafe(), counted)
        unit = fenced(key, token, due ? [...recording, ...settling()] : recording)
      } catch (cause) {
        return Effect.fail(unrecordable(runId, cause))
      }
      return Effect.flatMap(submit(unit), (outcome) => {
        if (outcome._tag === "Refused") return Effect.fail(lost(runId))
        if (changes.some(({ _tag }) => _tag === "AttemptEnded")) held.delete(token)
        return Effect.void
      })
    })

  const commit: RunStoreService["commit"] = ({ runId, token }, changes) => {
    const known = held.get(token)
    const counted = known?.runId === runId ? known : undefined
    if (counted !== undefined && changes.length > 0) return record(runId, token, counted.key, counted, changes)
    return Effect.gen(function*() {
      const key = counted?.key ?? (yield* keyOf(runId))
      if (key === undefined) return yield* lost(runId, "it was removed")
      if (changes.length > 0) return yield* record(runId, token, key, counted, changes)
      const holds = yield* first(`Run "${runId}"`, rows.integer, "SELECT run FROM held WHERE run = ? AND token = ?", [key, int(token)])
      if (holds === undefined) return yield* lost(runId)
    })
  }

  const takeFlight: RunStoreService["takeFlight"] = Effect.fnUntraced(function*({ runId, token }, flight, gone = token) {
    const key = held.get(token)?.key ?? (yield* keyOf(runId))
    if (key === undefined) return yield* lost(runId, "it was removed")
    const unit = yield* statements(runId, () => claiming.takeFlight(key, token, flight, gone))
    if ((yield* submit(unit))._tag === "Applied") return true
    // Somebody has it, or the run is lost.
    yield* commit({ runId, token }, [])
    return false
  })

  const annotation = (key: bigint, attempt: number, change: Annotation): ReadonlyArray<SqlStatement> => {
    switch (change._tag) {
      case "Tagged": {
        const tags = Object.fromEntries(Object.entries(change.tags).map(([name, tag]) => [text(name), textOrNull(tag)]))
        const named = Object.entries(change.tags)
        return [
          { sql: `UPDATE runs SET tags = ${dialect.mergedTags("tags")} WHERE key = ?`, params: [json(tags), key] },
          ...summaries.dropFacts(key, named.flatMap(([name, tag]) => tag === null ? [Facts.tagFactName(name)] : [])),
          ...summaries.keepFacts(key, Facts.tagFacts(Object.fromEntries(named.flatMap(([name, tag]) => tag === null ? [] : [[name, tag]]))))
        ]
      }
      case "Noted":
        return [{ sql: "UPDATE runs SET note = ? WHERE key = ?", params: [textOrNull(change.note), key] }]
      case "CancelRequested":
        return [{ sql: "UPDATE runs SET cancel_requested = ? WHERE key = ?", params: [bool(true), key] }]
      case "AnsweredAgain":
        return [
          {
            sql: `INSERT INTO attempts (run, attempt, status, started_at_ms, ended_at_ms, environment, error) VALUES (?, ?, 'completed', ?, ?, ?, NULL)`,
            params: [key, int(attempt), change.atMs, change.atMs, json(change.environment)]
          },
          { sql: "UPDATE runs SET attempts = ? WHERE key = ?", params: [int(attempt), key] },
          ...summaries.keepGit(key, change.environment),
          ...change.records.flatMap((record) => [insertStep(key, record, undefined), ...summaries.stepRecorded(key, record)])
        ]
    }
  }

  const annotate: RunStoreService["annotate"] = Effect.fnUntraced(function*(runId, annotations) {
    const key = yield* keyOf(runId)
    if (key === undefined || annotations.length === 0) return key !== undefined
    const answers = annotations.flatMap((one) => one._tag === "AnsweredAgain" ? [one.attempts] : [])
    const [attempts] = answers
    if (attempts !== undefined && answers.some((value, n) => value !== attempts + n)) return yield* lost(runId, "it was answered again meanwhile")
    const unit = yield* statements(runId, (): SqlUnit => {
      let attempt = attempts ?? 0
      return {
        guard: attempts === undefined
          ? countedIf("r.key = ? AND r.id = ?", [key, text(runId)])
          : countedIf("r.key = ? AND r.id = ? AND r.status = 'completed' AND r.attempts = ?", [key, text(runId), int(attempts)]),
        statements: [
          { sql: `UPDATE held SET revision = ${REVISION} WHERE run = ?`, params: [key] },
          { sql: `UPDATE runs SET revision = ${REVISION} WHERE key = ? AND revision IS NOT NULL`, params: [key] },
          ...annotations.flatMap((one) => annotation(key, one._tag === "AnsweredAgain" ? ++attempt : attempt, one))
        ]
      }
    })
    const outcome = yield* submit(unit)
    if (outcome._tag === "Applied") return true
    return attempts === undefined ? false : yield* lost(runId, "it is not completed any more, or was answered again")
  })

  const remove: RunStoreService["remove"] = Effect.fnUntraced(function*(runId) {
    while (true) {
      const found = yield* runWithKey(runId)
      if (found === undefined) return false
      const { key, run } = found
      if (run.holder !== null && (yield* Lease.judge(run, run.holder)) !== "free") {
        return yield* new StoreError({ reason: "NotPermitted", what: `Run "${runId}" is being worked on and cannot be removed. Cancel it first` })
      }
      const outcome = yield* submit({ guard: claiming.asSeen(key, run), statements: removeStatements(key, factNames(run)) })
      if (outcome._tag === "Applied") return true
    }
  })

  const restore: RunStoreService["restore"] = Effect.fnUntraced(function*(bundle, blobs) {
    const runId = bundle.run.id
    const whole = { ...bundle, ...settled(bundle) }
    const atMs = yield* Clock.currentTimeMillis
    while (true) {
      const key = yield* first("The next key", rows.integer, dialect.nextKey("runs"), [])
      if (key === undefined) return yield* Effect.die(new Error("there is always a next key"))
      const unit = yield* statements(runId, () => restoring.restore(BigInt(key), whole, blobs, atMs))
      if ((yield* submit(unit))._tag === "Applied") return
      if ((yield* keyOf(runId)) !== undefined) return yield* new StoreError({ reason: "RunExists", what: `Run "${runId}" exists already` })
      // Somebody else took the key.
    }
  })

  const collectBlobs: RunStoreService["collectBlobs"] = Effect.fnUntraced(function*({ dryRun, refreshedBeforeMs }) {
    if (dryRun) {
      const sizes = yield* many("Kept blobs", rows.integer, `SELECT length(bytes) FROM blobs WHERE ${reading.COLLECTABLE}`, [refreshedBeforeMs])
      return { count: sizes.length, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) }
    }
    const outcome = yield* submit({
      statements: [],
      result: { sql: `DELETE FROM blobs WHERE ${reading.COLLECTABLE} RETURNING length(bytes)`, params: [refreshedBeforeMs] }
    })
    const sizes = outcome._tag === "Applied" ? outcome.rows.map((row) => Number(row[0])) : []
    return { count: sizes.length, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) }
  })

  const { readNow } = driver
  const store: RunStoreService = { ...reads, identity, claim, commit, takeFlight, annotate, remove, restore, collectBlobs, exclusively: driver.exclusively }
  if (readNow === undefined) return store
  const blobNow = (digest: string): Uint8Array | undefined => {
    const row = readNow({ sql: inlineOutputs.BYTES, params: inlineOutputs.bytesParams(text(digest)) })[0]
    return row === undefined ? undefined : rows.bytes.decode(row)
  }
  return { ...store, blobNow }
})

/** A `RunStore` over the SQL database in use. */
export const layer: Layer.Layer<RunStore, StoreError, SqlDriver> = Layer.effect(RunStore, make)
