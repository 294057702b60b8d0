import { Effect } from "effect"
import type { LogLevel, LogRecord, SeriesKey, SeriesSummary } from "../RunRecord.ts"
import type { Change } from "../RunStore.ts"
import type { SpillBuffer, SpillService } from "../Spill.ts"
import type { StoreError } from "../UniflowError.ts"
import type { Outbox } from "./Outbox.ts"
import { SeriesWriter } from "./SeriesWriter.ts"

/** Bytes of full chunks that wait in memory before they are spilled. */
const MEMORY_BYTES = 8 * 1024 * 1024
/** Log lines that wait in memory; more are counted and left out. */
const WAITING_LINES = 10_000
/** Lines kept per step and attempt. */
const LINES = 10_000
const LINE_LENGTH = 8 * 1024

type Series = Omit<SeriesKey, "runId">
interface Sealed {
  readonly execution: number
  readonly change: Extract<Change, { _tag: "PointsWritten" }>
}

/** Points, of one execution of one step. */
export interface Logger {
  readonly series: Map<string, SeriesWriter>
  readonly push: (key: string, value: number, index: number | undefined, timeMs: number) => void
  /** Takes back everything that was not recorded yet; nothing more is taken. */
  readonly close: () => void
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
  private lazy: Array<Change> = []
  private lazyByKey = new Map<string, Change>()
  private logs: Array<LogRecord> = []
  private logSeq: number
  private readonly lines = new Map<string, number>()
  private executions = 0
  private readonly live = new Map<number, { readonly series: Series; readonly writers: Map<string, SeriesWriter>; readonly opening: () => ReadonlyArray<Change> }>()
  private sealed: Array<Sealed> = []
  private sealedBytes = 0
  private spill: SpillBuffer | undefined
  /** What could not be kept, in words; shown with the run's result. */
  readonly warnings: Array<string> = []

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

  /** Records a change with whatever is recorded next; a later one under the same key replaces it. */
  later(key: string, change: Change): void {
    this.lazyByKey.set(key, change)
  }

  /** Takes back what waits under a key; tells whether it did. */
  forget(key: string): boolean {
    return this.lazyByKey.delete(key)
  }

  /** Keeps a line of a step's log. */
  line(address: string, level: LogLevel, message: string, atMs: number): void {
    const count = (this.lines.get(address) ?? 0) + 1
    this.lines.set(address, count)
    if (count > LINES || this.logs.length >= WAITING_LINES) {
      if (count === LINES + 1) this.warnings.push(`Step "${address}" logged more than ${LINES} lines; the rest is not kept.`)
      return
    }
    const redacted = this.redact(message)
    const kept = redacted.length > LINE_LENGTH ? `${redacted.slice(0, LINE_LENGTH)}… (${redacted.length} characters)` : redacted
    this.logs.push({ runId: this.runId, seq: this.logSeq++, address, attempt: this.attempt, atMs, level, message: kept })
  }

  /** Begins to take points of an execution; `opening` are the changes that must precede its first ones. */
  logger(address: string, generation: number, writers: Map<string, SeriesWriter>, opening: () => ReadonlyArray<Change>): Logger {
    const execution = ++this.executions
    const series = (key: string): Series => ({ address, generation, key })
    this.live.set(execution, { series: series(""), writers, opening })
    return {
      series: writers,
      push: (key, value, index, timeMs) => {
        let writer = writers.get(key)
        if (writer === undefined) {
          writer = new SeriesWriter(key)
          writers.set(key, writer)
        }
        const full = writer.push(index ?? writer.nextIndex, value, timeMs)
        if (full !== undefined) this.keep({ execution, change: { _tag: "PointsWritten", series: series(key), chunks: [full.chunk], summary: full.summary } })
      },
      close: () => {
        this.live.delete(execution)
        this.sealed = this.sealed.filter((one) => one.execution !== execution)
      }
    }
  }

  /** Records spilled points, piece by piece, so that memory stays bounded; then nothing is spilled. */
  unspill(outbox: Outbox): Effect.Effect<void, StoreError> {
    const self = this
    return Effect.gen(function*() {
      if (self.spill === undefined || self.spill.sizeBytes === 0) return
      let batch: Array<Change> = []
      let bytes = 0
      for (const frame of self.spill.drain()) {
        const one = decodeFrame(frame)
        const live = self.live.get(one.execution)
        if (live === undefined) continue
        batch.push(...live.opening(), one.change)
        bytes += frame.length
        if (bytes < MEMORY_BYTES) continue
        yield* outbox.submit(batch)
        batch = []
        bytes = 0
      }
      if (batch.length > 0) yield* outbox.submit(batch)
    })
  }

  /** Takes everything that waits in memory, to be recorded at once and in this order. */
  drain(): Array<Change> {
    const changes: Array<Change> = [...this.lazy, ...this.lazyByKey.values()]
    this.lazy = []
    this.lazyByKey.clear()
    for (const { execution, change } of this.sealed) changes.push(...(this.live.get(execution)?.opening() ?? []), change)
    this.sealed = []
    this.sealedBytes = 0
    for (const { series, writers, opening } of this.live.values()) {
      for (const [key, writer] of writers) {
        const open = writer.take()
        if (open === undefined) continue
        changes.push(...opening(), {
          _tag: "PointsWritten",
          series: { ...series, key },
          chunks: open.chunk === undefined ? [] : [open.chunk],
          summary: open.summary
        })
      }
    }
    if (this.logs.length > 0) changes.push({ _tag: "LogsAdded", logs: this.logs })
    this.logs = []
    return changes
  }

  /** Puts back what could not be recorded, so that it is tried again. */
  putBack(changes: ReadonlyArray<Change>): void {
    this.lazy = [...changes, ...this.lazy]
  }

  close(): void {
    this.spill?.close()
    this.spill = undefined
  }

  private keep(sealed: Sealed): void {
    this.sealed.push(sealed)
    this.sealedBytes += sealed.change.chunks[0]!.bytes.length
    if (this.sealedBytes < MEMORY_BYTES) return
    try {
      this.spill ??= this.spillService.open()
      while (this.sealed.length > 0) {
        this.spill.append(encodeFrame(this.sealed[0]!))
        this.sealed.shift()
      }
      this.sealedBytes = 0
    } catch (cause) {
      if (this.warnings.length < 100) this.warnings.push(`Metric points could not be spilled and stay in memory: ${String(cause)}`)
      this.sealedBytes = 0
    }
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const finite = (summary: SeriesSummary): Record<string, string> => Object.fromEntries(Object.entries(summary).map(([name, value]) => [name, Object.is(value, -0) ? "-0" : String(value)]))

/** Length of the head (uint32), the head as JSON, the chunk. Read back by the same process alone. */
const encodeFrame = ({ execution, change }: Sealed): Uint8Array => {
  const { chunk, count, bytes } = change.chunks[0]!
  const head = encoder.encode(JSON.stringify({ execution, series: change.series, chunk, count, summary: finite(change.summary) }))
  const frame = new Uint8Array(4 + head.length + bytes.length)
  new DataView(frame.buffer).setUint32(0, head.length)
  frame.set(head, 4)
  frame.set(bytes, 4 + head.length)
  return frame
}

const decodeFrame = (frame: Uint8Array): Sealed => {
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
