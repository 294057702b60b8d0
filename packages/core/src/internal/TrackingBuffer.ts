import { Effect } from "effect"
import type { LogLevel, LogRecord, SeriesSummary } from "../RunRecord.ts"
import type { Change } from "../RunStore.ts"
import type { SpillBuffer, SpillService } from "../Spill.ts"
import { StoreError } from "../UniflowError.ts"
import { SeriesWriter } from "./SeriesWriter.ts"

/** Bytes of full chunks that wait in memory before they are spilled. */
const MEMORY_BYTES = 8 * 1024 * 1024
/** Log lines that wait in memory; more are counted and left out. */
const WAITING_LINES = 10_000
/** Lines kept per step and attempt. */
const LINES = 10_000
const LINE_LENGTH = 8 * 1024

type Points = Extract<Change, { _tag: "PointsWritten" }>

/** An execution that may still log points. */
interface Live {
  readonly address: string
  readonly generation: number
  readonly writers: Map<string, SeriesWriter>
  /** Changes that must precede its first recorded points. */
  opening: ReadonlyArray<Change>
  /** Full chunks that wait. */
  sealed: Array<Points>
  closed: boolean
}

/** A change that is made when it is recorded. */
interface Later {
  readonly key: string
  readonly make: () => Change
}

/** Points, of one execution of one step. */
export interface Logger {
  readonly push: (key: string, value: number, index: number | undefined, timeMs: number) => void
  /** Says what must precede the first recorded points. */
  readonly open: (changes: ReadonlyArray<Change>) => void
  /** Takes what waits: the points, and what must precede them; that even where there are none, if asked for. */
  readonly take: (options: { readonly always: boolean }) => Drained
  /** Nothing more is taken; what was not taken is given up. */
  readonly close: () => void
}

/** What is to be recorded, and the way back when it could not be. */
export interface Drained {
  readonly changes: ReadonlyArray<Change>
  /** Makes all of it wait again, lines aside (`keepLines`). */
  readonly putBack: () => void
}

/**
 * What a run tracks and need not wait for: points, log lines, progress. Bounded in memory: full chunks of points are
 * spilled, lines beyond the bounds are counted and left out.
 */
export class TrackingBuffer {
  private readonly runId: string
  private readonly attempt: number
  private readonly spillService: SpillService
  private readonly redact: (text: string) => string
  private left: Array<Change> = []
  /** Few, and mostly gone again before anything is recorded. */
  private lazy: Array<Later> = []
  private logs: Array<LogRecord> = []
  private logSeq: number
  private readonly lines = new Map<string, number>()
  private executions = 0
  private readonly live = new Map<number, Live>()
  private sealedBytes = 0
  private spill: SpillBuffer | undefined
  private readonly warned = new Set<string>()

  constructor(options: {
    readonly runId: string
    readonly attempt: number
    readonly firstLogSeq: number
    readonly spill: SpillService
    readonly redact: (text: string) => string
  }) {
    this.runId = options.runId
    this.attempt = options.attempt
    this.logSeq = options.firstLogSeq
    this.spillService = options.spill
    this.redact = options.redact
  }

  /** What could not be kept, in words; shown with the run's result. */
  get warnings(): ReadonlyArray<string> {
    return [...this.warned]
  }

  warn(warning: string): void {
    if (this.warned.size < 100) this.warned.add(warning)
  }

  /** Records a change with whatever is recorded next, made then; a later one under the same key replaces it. */
  later(key: string, make: () => Change): void {
    this.forget(key)
    this.lazy.push({ key, make })
  }

  /** Takes back what waits under a key. */
  forget(key: string): void {
    const { lazy } = this
    const at = lazy.findIndex((one) => one.key === key)
    if (at >= 0) lazy.splice(at, 1)
  }

  /** Records with whatever is recorded next what an execution leaves that came to nothing. */
  leave(changes: ReadonlyArray<Change>): void {
    this.left.push(...changes.filter(({ _tag }) => _tag !== "LogsAdded"))
    this.keepLines(changes)
  }

  /** Keeps a line of a step's log. */
  line(address: string, level: LogLevel, message: string, atMs: number): void {
    const count = (this.lines.get(address) ?? 0) + 1
    this.lines.set(address, count)
    if (count > LINES) return this.warn(`Step "${address}" logged more than ${LINES} lines; the rest is not kept.`)
    if (this.logs.length >= WAITING_LINES) return this.warn(`Step "${address}" logged faster than could be recorded; some lines are not kept.`)
    const redacted = this.redact(message)
    const kept = redacted.length > LINE_LENGTH ? `${redacted.slice(0, LINE_LENGTH)}… (${redacted.length} characters)` : redacted
    this.logs.push({ runId: this.runId, seq: this.logSeq++, address, attempt: this.attempt, atMs, level, message: kept })
  }

  /** Begins to take points of an execution. */
  logger(address: string, generation: number, writers: Map<string, SeriesWriter>): Logger {
    const execution = ++this.executions
    const live: Live = { address, generation, writers, opening: [], sealed: [], closed: false }
    this.live.set(execution, live)
    return {
      push: (key, value, index, timeMs) => {
        let writer = writers.get(key)
        if (writer === undefined) {
          writer = new SeriesWriter(key)
          writers.set(key, writer)
        }
        const full = writer.push(index ?? writer.nextIndex, value, timeMs)
        if (full === undefined) return
        live.sealed.push(...this.counted([{ _tag: "PointsWritten", series: { address, generation, key }, chunks: [full.chunk], summary: full.summary }]))
        if (this.sealedBytes >= MEMORY_BYTES) this.toSpill()
      },
      open: (changes) => {
        live.opening = changes
      },
      take: ({ always }) => this.take(live, always),
      close: () => {
        this.live.delete(execution)
        live.closed = true
        this.takeSealed(live)
      }
    }
  }

  /** Whether points are spilled; then `unspill` comes before anything is taken. */
  get isSpilled(): boolean {
    return this.spill !== undefined && this.spill.sizeBytes > 0
  }

  /** Records spilled points, piece by piece, so that memory stays bounded. Where that fails they wait in memory. */
  readonly unspill = Effect.fnUntraced(function*(
    this: TrackingBuffer,
    submit: (changes: ReadonlyArray<Change>) => Effect.Effect<void, StoreError>
  ): Effect.fn.Return<void, StoreError> {
    if (!this.isSpilled) return
    const frames = this.spill!.drain()[Symbol.iterator]()
    for (let ended = false; !ended;) {
      const batch: Array<{ readonly live: Live; readonly change: Points }> = []
      for (let bytes = 0; bytes < MEMORY_BYTES;) {
        const next = yield* Effect.try({
          try: () => frames.next(),
          catch: (cause) => new StoreError({ reason: "Unknown", what: "Metric points that were spilled cannot be read back", cause })
        })
        if (next.done === true) {
          ended = true
          break
        }
        const { execution, change } = decodeFrame(next.value)
        const live = this.live.get(execution)
        if (live !== undefined) batch.push({ live, change })
        bytes += next.value.length
      }
      const openings = new Map([...new Set(batch.map(({ live }) => live))].map((live) => [live, live.opening]))
      for (const live of openings.keys()) live.opening = []
      const submitted = submit([...[...openings.values()].flat(), ...batch.map(({ change }) => change)])
      const recorded: Effect.Effect<void, StoreError> = batch.length === 0 ? Effect.void : submitted
      yield* Effect.onError(recorded, () =>
        Effect.sync(() => {
          for (const [live, opening] of openings) {
            live.opening = opening
            this.keep(live, batch.filter((one) => one.live === live).map(({ change }) => change))
          }
          for (let next = frames.next(); next.done !== true; next = frames.next()) {
            const { execution, change } = decodeFrame(next.value)
            const live = this.live.get(execution)
            if (live !== undefined) live.sealed.push(...this.counted([change]))
          }
        }))
    }
  })

  /** Takes everything that waits in memory, to be recorded at once and in this order. */
  drain(): Drained {
    return together(this.drainRest(), ...Array.from(this.live.values(), (live) => this.take(live, false)))
  }

  /** Takes what waits besides the points of living executions. It precedes those: a retry goes over what a try left. */
  drainRest(): Drained {
    const { left, lazy, logs } = this
    if (left.length === 0 && lazy.length === 0 && logs.length === 0) return NOTHING
    this.left = []
    this.lazy = []
    this.logs = []
    return {
      changes: [...left, ...lazy.map(({ make }) => make()), ...linesOf(logs)],
      putBack: () => {
        this.left = [...left, ...this.left]
        this.lazy = [...lazy.filter(({ key }) => this.lazy.every((newer) => newer.key !== key)), ...this.lazy]
      }
    }
  }

  /**
   * Keeps the lines that a commit held and could not record: they may be other steps'. Numbered anew, because a commit that
   * seemed to fail may have recorded them, and their numbers would be refused with all that is recorded with them.
   */
  keepLines(changes: ReadonlyArray<Change>): void {
    const logs = changes.flatMap((change) => change._tag === "LogsAdded" ? change.logs : [])
    if (logs.length > 0) this.logs = [...logs, ...this.logs].map((line) => ({ ...line, seq: this.logSeq++ }))
  }

  close(): void {
    this.spill?.close()
    this.spill = undefined
  }

  /** Puts full chunks before those that wait. */
  private keep(live: Live, sealed: ReadonlyArray<Points>): void {
    live.sealed = [...this.counted(sealed), ...live.sealed]
  }

  private counted(sealed: ReadonlyArray<Points>): ReadonlyArray<Points> {
    for (const { chunks } of sealed) this.sealedBytes += chunks[0]!.bytes.length
    return sealed
  }

  private takeSealed(live: Live): ReadonlyArray<Points> {
    const { sealed } = live
    live.sealed = []
    for (const { chunks } of sealed) this.sealedBytes -= chunks[0]!.bytes.length
    return sealed
  }

  private take(live: Live, always: boolean): Drained {
    const sealed = this.takeSealed(live)
    const points: Array<Change> = [...sealed]
    for (const [key, writer] of live.writers) {
      const open = writer.take()
      if (open === undefined) continue
      const { address, generation } = live
      points.push({ _tag: "PointsWritten", series: { address, generation, key }, chunks: open.chunk === undefined ? [] : [open.chunk], summary: open.summary })
    }
    if (points.length === 0 && !always) return NOTHING
    const { opening } = live
    live.opening = []
    return {
      changes: [...opening, ...points],
      putBack: () => {
        if (live.closed) return
        live.opening = opening
        this.keep(live, sealed)
        // The newest figures follow the full chunks, whose own are those of an earlier moment.
        for (const writer of live.writers.values()) writer.touch()
      }
    }
  }

  private toSpill(): void {
    this.sealedBytes = 0
    try {
      this.spill ??= this.spillService.open()
      for (const [execution, live] of this.live) {
        while (live.sealed.length > 0) {
          this.spill.append(encodeFrame({ execution, change: live.sealed[0]! }))
          live.sealed.shift()
        }
      }
    } catch (cause) {
      this.warn(`Metric points could not be spilled and stay in memory: ${String(cause)}`)
    }
  }
}

const NOTHING: Drained = { changes: [], putBack: () => {} }

/** What was taken in several goes, as one. */
export const together = (...parts: ReadonlyArray<Drained>): Drained => {
  const some = parts.filter(({ changes }) => changes.length > 0)
  return some.length === 0 ? NOTHING : {
    changes: some.flatMap(({ changes }) => changes),
    putBack: () => {
      for (const { putBack } of some) putBack()
    }
  }
}

/** Records what was taken; where that fails it waits again. */
export const recording = <A>(
  { changes, putBack }: Drained,
  record: (changes: ReadonlyArray<Change>) => Effect.Effect<A, StoreError>
): Effect.Effect<A, StoreError> => (changes.length === 0 ? record(changes) : Effect.onError(record(changes), () => Effect.sync(putBack)))

const linesOf = (logs: ReadonlyArray<LogRecord>): Array<Change> => (logs.length === 0 ? [] : [{ _tag: "LogsAdded", logs }])

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const finite = (summary: SeriesSummary): Record<string, string> => Object.fromEntries(Object.entries(summary).map(([name, value]) => [name, Object.is(value, -0) ? "-0" : String(value)]))

/** Length of the head (uint32), the head as JSON, the chunk. Read back by the same process alone. */
interface Frame {
  readonly execution: number
  readonly change: Points
}

const encodeFrame = ({ execution, change }: Frame): Uint8Array => {
  const { chunk, count, bytes } = change.chunks[0]!
  const head = encoder.encode(JSON.stringify({ execution, series: change.series, chunk, count, summary: finite(change.summary) }))
  const frame = new Uint8Array(4 + head.length + bytes.length)
  new DataView(frame.buffer).setUint32(0, head.length)
  frame.set(head, 4)
  frame.set(bytes, 4 + head.length)
  return frame
}

const decodeFrame = (frame: Uint8Array): Frame => {
  const length = new DataView(frame.buffer, frame.byteOffset).getUint32(0)
  const head = JSON.parse(decoder.decode(frame.subarray(4, 4 + length)))
  const number = (name: keyof SeriesSummary): number => Number(head.summary[name])
  return {
    execution: head.execution,
    change: {
      _tag: "PointsWritten",
      series: head.series,
      chunks: [{ chunk: head.chunk, count: head.count, bytes: frame.subarray(4 + length) }],
      summary: {
        count: number("count"),
        nans: number("nans"),
        last: number("last"),
        lastIndex: number("lastIndex"),
        min: number("min"),
        minIndex: number("minIndex"),
        max: number("max"),
        maxIndex: number("maxIndex"),
        sum: number("sum")
      }
    }
  }
}
