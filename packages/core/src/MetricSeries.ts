/**
 * Reading metric points: all of them, or as many buckets as a plot has pixels.
 *
 * A bucket tells the minimum, maximum and mean of the points in its range of indexes, so that no spike is lost
 * whatever the number of buckets.
 */
import { Effect } from "effect"
import * as PointChunk from "./PointChunk.ts"
import type { ChunkRecord, SeriesKey, SeriesRecord } from "./RunRecord.ts"
import { RunStore } from "./RunStore.ts"
import { CorruptArtifact, type StoreError } from "./UniflowError.ts"

/** The points of one range of indexes. `count` is without NaN; min, max and mean are NaN where there is none. */
export interface Bucket {
  readonly fromIndex: number
  readonly toIndex: number
  readonly count: number
  readonly nans: number
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly last: number
}

const decodeAll = (series: SeriesKey, chunks: ReadonlyArray<ChunkRecord>): Effect.Effect<Array<PointChunk.Points>, CorruptArtifact> =>
  Effect.suspend(() => {
    const all: Array<PointChunk.Points> = []
    for (const chunk of chunks) {
      const points = PointChunk.decode(chunk.bytes)
      if (points === undefined) {
        return Effect.fail(new CorruptArtifact({ digest: "", what: `Points of metric "${series.key}" of run "${series.runId}"`, reason: `chunk ${chunk.chunk} is damaged` }))
      }
      all.push(points)
    }
    return Effect.succeed(all)
  })

/** Puts points into at most `buckets` buckets of equal ranges of index; empty ranges are left out. */
export const bucketsOf = (chunks: ReadonlyArray<PointChunk.Points>, buckets: number): Array<Bucket> => {
  let low = Infinity
  let high = -Infinity
  for (const { indexes } of chunks) {
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i]!
      if (index < low) low = index
      if (index > high) high = index
    }
  }
  if (low > high) return []
  const width = (high - low) / buckets || 1
  const count = new Float64Array(buckets)
  const nans = new Float64Array(buckets)
  const min = new Float64Array(buckets).fill(Infinity)
  const max = new Float64Array(buckets).fill(-Infinity)
  const sum = new Float64Array(buckets)
  const last = new Float64Array(buckets)
  const from = new Float64Array(buckets).fill(Infinity)
  const to = new Float64Array(buckets).fill(-Infinity)
  const final = buckets - 1
  for (const { indexes, values } of chunks) {
    for (let i = 0; i < values.length; i++) {
      const index = indexes[i]!
      const value = values[i]!
      let at = ((index - low) / width) | 0
      if (at > final) at = final
      if (index < from[at]!) from[at] = index
      if (index > to[at]!) to[at] = index
      last[at] = value
      if (value !== value) {
        nans[at]!++
        continue
      }
      count[at]!++
      sum[at]! += value
      if (value < min[at]!) min[at] = value
      if (value > max[at]!) max[at] = value
    }
  }
  const filled: Array<Bucket> = []
  for (let at = 0; at < buckets; at++) {
    const some = count[at]! + nans[at]!
    if (some === 0) continue
    const any = count[at]! > 0
    filled.push({
      fromIndex: from[at]!,
      toIndex: to[at]!,
      count: count[at]!,
      nans: nans[at]!,
      min: any ? min[at]! : NaN,
      max: any ? max[at]! : NaN,
      mean: any ? sum[at]! / count[at]! : NaN,
      last: last[at]!
    })
  }
  return filled
}

/** At most `buckets` buckets over a whole series. */
export const downsample = Effect.fnUntraced(function*(
  series: SeriesRecord,
  buckets: number
): Effect.fn.Return<ReadonlyArray<Bucket>, CorruptArtifact | StoreError, RunStore> {
  const store = yield* RunStore
  return bucketsOf(yield* decodeAll(series, yield* store.chunks(series)), Math.max(1, Math.floor(buckets)))
})

/** All points of a series. */
export const points = Effect.fnUntraced(function*(
  series: SeriesKey
): Effect.fn.Return<PointChunk.Points, CorruptArtifact | StoreError, RunStore> {
  const store = yield* RunStore
  const all = yield* decodeAll(series, yield* store.chunks(series))
  const join = (column: keyof PointChunk.Points): Float64Array => {
    const joined = new Float64Array(all.reduce((length, chunk) => length + chunk.values.length, 0))
    let offset = 0
    for (const chunk of all) {
      joined.set(chunk[column], offset)
      offset += chunk[column].length
    }
    return joined
  }
  return { indexes: join("indexes"), values: join("values"), timesMs: join("timesMs") }
})
