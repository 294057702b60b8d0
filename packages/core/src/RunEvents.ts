/**
 * What happens in a run, as it happens: read from the run store, from any process.
 *
 * Events come in order within a run and within a second of what they tell; a watcher that begins late is told what
 * was before. The stream ends after the run has, or when its process is found dead.
 */
import { Clock, Effect, Schema, Stream } from "effect"
import { DecisionKind, Reason } from "./Decision.ts"
import { ProcessIdentity } from "./ProcessIdentity.ts"
import { type ActiveStep, LogLevel, type RunRecord, RunStatus, type StepRecord, StoredError } from "./RunRecord.ts"
import { RunStore, type RunStoreService } from "./RunStore.ts"
import { RunNotFound, type StoreError } from "./UniflowError.ts"

const common = { runId: Schema.String, atMs: Schema.Number }

/** One thing that happened. Times are Unix times in milliseconds. */
export const RunEvent = Schema.Union([
  /** An attempt has taken the run. */
  Schema.TaggedStruct("RunStarted", { ...common, pipeline: Schema.String, attempt: Schema.Int }),
  Schema.TaggedStruct("StepStarted", { ...common, step: Schema.String, attempt: Schema.Int }),
  /** How far a step has come, in its own unit. */
  Schema.TaggedStruct("Progress", { ...common, step: Schema.String, done: Schema.Number, total: Schema.NullOr(Schema.Number), message: Schema.NullOr(Schema.String) }),
  /** A series has new points; `value` is the last one. */
  Schema.TaggedStruct("Metric", { ...common, step: Schema.String, key: Schema.String, index: Schema.Number, value: Schema.Number, count: Schema.Int }),
  Schema.TaggedStruct("Log", { ...common, step: Schema.String, level: LogLevel, message: Schema.String }),
  /** A step was restored, taken from another run, skipped, or executed with this outcome. */
  Schema.TaggedStruct("Decided", {
    ...common,
    step: Schema.String,
    attempt: Schema.Int,
    decision: DecisionKind,
    status: Schema.Literals(["completed", "failed", "skipped"]),
    reasons: Schema.Array(Reason),
    durationMs: Schema.Number,
    error: Schema.NullOr(StoredError)
  }),
  /** The attempt has ended; `crashed` when its process was found dead. */
  Schema.TaggedStruct("RunEnded", { ...common, status: RunStatus, error: Schema.NullOr(StoredError), failedStep: Schema.NullOr(Schema.String) })
])
export type RunEvent = typeof RunEvent.Type

/** How often the store is asked, in milliseconds. */
const POLL_MS = 100

/** Log lines that are read at a time. */
const LOGS = 1000

const ended = (status: RunStatus): boolean => status !== "running" && status !== "pending"

/** What a watcher has told already. */
class Watcher {
  private readonly store: RunStoreService
  private readonly runId: string
  private revision = -1
  private attempts = 0
  private seq = 0
  private logSeq = 0
  private readonly started = new Map<string, string>()
  private readonly counts = new Map<string, number>()
  /** How each step was last decided, and by which attempt the last one was. */
  private readonly decided = new Map<string, StepRecord["status"]>()
  private decidedBy = 0

  constructor(store: RunStoreService, runId: string) {
    this.store = store
    this.runId = runId
  }

  /** Everything new since the last time. */
  readonly read = Effect.fnUntraced(function*(this: Watcher, run: RunRecord): Effect.fn.Return<Array<RunEvent>, StoreError> {
    if (run.revision === this.revision) return []
    const { runId, store } = this
    const events: Array<RunEvent> = []
    if (run.attempts > this.attempts) {
      this.attempts = run.attempts
      this.started.clear()
      events.push({ _tag: "RunStarted", runId, atMs: run.startedAtMs, pipeline: run.pipeline, attempt: run.attempts })
    }
    const now = yield* Clock.currentTimeMillis
    const active = yield* store.active(runId)
    const told = yield* this.told(now)
    const records = yield* store.steps(runId, this.seq)
    const last = new Map(records.map(({ address, seq }) => [address, seq]))
    // What a step told comes between its start and its outcome, and what was decided before what began since.
    for (const { address, attempt, decision, durationMs, error, reasons, seq, startedAtMs, status, step } of records) {
      if (decision === "executed" && !this.started.delete(address)) events.push({ _tag: "StepStarted", runId, atMs: startedAtMs, step: address, attempt })
      if (last.get(address) === seq) {
        events.push(...told.get(address) ?? [])
        told.delete(address)
      }
      this.seq = seq
      this.decidedBy = attempt
      if (address === step) this.decided.set(step, status)
      this.started.delete(address)
      events.push({ _tag: "Decided", runId, atMs: startedAtMs + durationMs, step: address, attempt, decision, status, reasons, durationMs, error })
    }
    // One that was decided since it was read as active; if it really began anew, the next reading tells so.
    const stale = active.some(({ address }) => last.has(address))
    for (const step of active) if (!last.has(step.address)) this.active(step, now, events)
    for (const rest of told.values()) events.push(...rest)
    if (run.status === "completed" && this.decidedBy < run.attempts) events.push(...(yield* this.answered(run)))
    this.revision = stale ? -1 : run.revision
    return events
  })

  /** The decisions of a completed attempt that recorded none: every step was restored as it last stood. */
  private readonly answered = Effect.fnUntraced(function*(this: Watcher, run: RunRecord): Effect.fn.Return<Array<RunEvent>, StoreError> {
    this.decidedBy = run.attempts
    const atMs = (yield* this.store.attempts(run.id)).at(-1)?.startedAtMs ?? run.startedAtMs
    return Array.from(this.decided, ([step, status]): RunEvent => ({
      _tag: "Decided",
      runId: run.id,
      atMs,
      step,
      attempt: run.attempts,
      decision: "restored",
      status,
      reasons: [{ component: "match" }],
      durationMs: 0,
      error: null
    }))
  })

  /** Logs and metrics that are new, by step. */
  private readonly told = Effect.fnUntraced(function*(this: Watcher, now: number): Effect.fn.Return<Map<string, Array<RunEvent>>, StoreError> {
    const { runId, store } = this
    const told = new Map<string, Array<RunEvent>>()
    const tell = (step: string, event: RunEvent): void => {
      const events = told.get(step)
      if (events === undefined) told.set(step, [event])
      else events.push(event)
    }
    for (;;) {
      const logs = yield* store.logs(runId, { after: this.logSeq, limit: LOGS })
      for (const { address, atMs, level, message, seq } of logs) {
        this.logSeq = seq
        tell(address, { _tag: "Log", runId, atMs, step: address, level, message })
      }
      if (logs.length < LOGS) break
    }
    for (const { address, key, generation, summary } of yield* store.series(runId)) {
      const id = `${generation} ${address} ${key}`
      if (this.counts.get(id) === summary.count) continue
      this.counts.set(id, summary.count)
      tell(address, { _tag: "Metric", runId, atMs: now, step: address, key, index: summary.lastIndex, value: summary.last, count: summary.count })
    }
    return told
  })

  private active({ address, attempt, startedAtMs, done, total, message }: ActiveStep, now: number, events: Array<RunEvent>): void {
    const { runId } = this
    const progress = JSON.stringify([done, total, message])
    const before = this.started.get(address)
    if (before === undefined) events.push({ _tag: "StepStarted", runId, atMs: startedAtMs, step: address, attempt })
    if (before !== progress && done !== null) events.push({ _tag: "Progress", runId, atMs: now, step: address, done, total, message })
    this.started.set(address, progress)
  }
}

/** Follows a run until its present attempt has ended. */
export const watch = (runId: string): Stream.Stream<RunEvent, RunNotFound | StoreError, RunStore> =>
  Stream.unwrap(Effect.gen(function*() {
    const store = yield* RunStore
    const identity = yield* ProcessIdentity
    const watcher = new Watcher(store, runId)
    let over = false
    let polls = 0
    const next = Effect.gen(function*() {
      if (over) return undefined
      if (polls++ > 0) yield* Effect.sleep(POLL_MS)
      const run = yield* store.run(runId)
      if (run === undefined) return yield* new RunNotFound({ runId })
      const events = yield* watcher.read(run)
      if (ended(run.status)) {
        over = true
        events.push({ _tag: "RunEnded", runId, atMs: run.endedAtMs ?? run.startedAtMs, status: run.status, error: run.error, failedStep: run.failedStep })
      } else if (polls % 10 === 0 && run.holder !== null && (yield* identity.look(run.holder)) === "dead") {
        over = true
        events.push({ _tag: "RunEnded", runId, atMs: run.startedAtMs, status: "crashed", error: null, failedStep: null })
      }
      return events
    })
    return Stream.unfold(undefined, () => Effect.map(next, (events) => (events === undefined ? undefined : [events, undefined] as const))).pipe(
      Stream.flatMap((events) => Stream.fromIterable(events))
    )
  }))
