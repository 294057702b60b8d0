import * as PointChunk from "../PointChunk.ts"
import type { ChunkRecord, SeriesSummary } from "../RunRecord.ts"

const FIRST_CAPACITY = 32

/** One series of points that is being logged: full chunks are handed over, the open one stays in memory. */
export class SeriesWriter {
  readonly key: string
  nextIndex = 0
  private chunk = 0
  private filled = 0
  private indexes = new Float64Array(FIRST_CAPACITY)
  private values = new Float64Array(FIRST_CAPACITY)
  private times = new Float64Array(FIRST_CAPACITY)
  /** Figures over the full chunks. */
  private sealed: SeriesSummary = PointChunk.emptySummary
  private changed = false

  constructor(key: string) {
    this.key = key
  }

  /** Goes on after `count` points, of which those of the open chunk are given. */
  static resume(key: string, nextIndex: number, fullChunks: number, sealed: SeriesSummary, open: PointChunk.Points): SeriesWriter {
    const writer = new SeriesWriter(key)
    writer.nextIndex = nextIndex
    writer.chunk = fullChunks
    writer.sealed = sealed
    writer.reserve(open.values.length)
    writer.filled = open.values.length
    writer.indexes.set(open.indexes)
    writer.values.set(open.values)
    writer.times.set(open.timesMs)
    writer.changed = true
    return writer
  }

  get count(): number {
    return this.chunk * PointChunk.CHUNK_POINTS + this.filled
  }

  /** Adds a point; gives the chunk when it became full. */
  push(index: number, value: number, timeMs: number): { readonly chunk: ChunkRecord; readonly summary: SeriesSummary } | undefined {
    const at = this.filled
    if (at === this.values.length) this.reserve(at * 2)
    this.indexes[at] = index
    this.values[at] = value
    this.times[at] = timeMs
    this.filled = at + 1
    this.nextIndex = index + 1
    this.changed = true
    return this.filled === PointChunk.CHUNK_POINTS ? this.seal() : undefined
  }

  /** The open chunk as it is now, or undefined when nothing was added since the last time. */
  take(): { readonly chunk: ChunkRecord | undefined; readonly summary: SeriesSummary } | undefined {
    if (!this.changed) return undefined
    this.changed = false
    const points = this.open()
    return {
      chunk: this.filled === 0 ? undefined : { chunk: this.chunk, count: this.filled, bytes: PointChunk.encode(points) },
      summary: PointChunk.summarize(this.sealed, points)
    }
  }

  /** Lets `take` give the open chunk once more. */
  touch(): void {
    this.changed = true
  }

  private open(): PointChunk.Points {
    return {
      indexes: this.indexes.subarray(0, this.filled),
      values: this.values.subarray(0, this.filled),
      timesMs: this.times.subarray(0, this.filled)
    }
  }

  private seal(): { readonly chunk: ChunkRecord; readonly summary: SeriesSummary } {
    const points = this.open()
    const chunk = { chunk: this.chunk, count: this.filled, bytes: PointChunk.encode(points) }
    this.sealed = PointChunk.summarize(this.sealed, points)
    this.chunk++
    this.filled = 0
    this.changed = false
    return { chunk, summary: this.sealed }
  }

  private reserve(capacity: number): void {
    const grow = (from: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
      const to = new Float64Array(Math.min(Math.max(capacity, FIRST_CAPACITY), PointChunk.CHUNK_POINTS))
      to.set(from.subarray(0, to.length))
      return to
    }
    if (capacity <= this.values.length) return
    this.indexes = grow(this.indexes)
    this.values = grow(this.values)
    this.times = grow(this.times)
  }
}
