/**
 * Curves as a plot draws them: of all points in a range, as many buckets as it has pixels, each with its mean and its smallest and largest value, so
 * that no spike is lost. In columns, which is a third of the bytes of rows.
 */
import { CorruptArtifact, PointChunk, RunStore, type SeriesKey } from "@uniflow/core"
import { Effect } from "effect"
import type { Curve } from "../Api.ts"

export interface CurveRange {
  /** What x is: "relative" is the time since the run was created. */
  readonly by: "index" | "time" | "relative"
  readonly buckets: number
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly createdAtMs?: number | undefined
}

// Nine digits tell every 32-bit number from its neighbours, and no plot shows more.
const short = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(9)) : null)

/** As many points as buckets need none: each is shown as it is. */
const each = (run: string, chunks: ReadonlyArray<PointChunk.Points>, column: "indexes" | "timesMs", from: number, to: number, origin: number): Curve => {
  const rows: Array<readonly [number, number]> = []
  for (const { [column]: along, values } of chunks) {
    for (let i = 0; i < along.length; i++) if (along[i]! - origin >= from && along[i]! - origin <= to) rows.push([along[i]! - origin, values[i]!])
  }
  rows.sort(([a], [b]) => a - b)
  return { run, points: rows.length, x: rows.map(([x]) => x), y: rows.map(([, value]) => short(value)), min: null, max: null }
}

/** The curve of the points in these chunks between `from` and `to`, in at most `buckets` buckets. A bucket without a finite number is a gap. */
const curveOf = (run: string, chunks: ReadonlyArray<PointChunk.Points>, range: CurveRange): Curve => {
  const { buckets, by, createdAtMs = 0 } = range
  const origin = by === "relative" ? createdAtMs : 0
  // Places are held against them as they are sent: times have fractions, and a sum may round another way.
  const { from = -Infinity, to = Infinity } = range
  const column = by === "index" ? "indexes" : "timesMs"
  let low = Infinity
  let high = -Infinity
  let points = 0
  for (const { [column]: along } of chunks) {
    for (let i = 0; i < along.length; i++) {
      const x = along[i]! - origin
      if (x < from || x > to) continue
      points++
      if (x < low) low = x
      if (x > high) high = x
    }
  }
  if (points <= buckets) return each(run, chunks, column, from, to, origin)
  // Columns of numbers: a million points take milliseconds.
  const perX = high > low ? buckets / (high - low) : 0
  const last = buckets - 1
  const x = new Float64Array(buckets).fill(-Infinity)
  const sum = new Float64Array(buckets)
  const count = new Float64Array(buckets)
  const min = new Float64Array(buckets).fill(Infinity)
  const max = new Float64Array(buckets).fill(-Infinity)
  for (const { [column]: along, values } of chunks) {
    for (let i = 0; i < along.length; i++) {
      const place = along[i]! - origin
      if (place < from || place > to) continue
      let at = ((place - low) * perX) | 0
      if (at > last) at = last
      if (place > x[at]!) x[at] = place
      const value = values[i]!
      // Neither NaN nor an infinity.
      if (value - value !== 0) continue
      sum[at]! += value
      count[at]!++
      if (value < min[at]!) min[at] = value
      if (value > max[at]!) max[at] = value
    }
  }
  const filled: Array<number> = []
  let banded = false
  for (let at = 0; at < buckets; at++) {
    if (x[at]! > -Infinity) filled.push(at)
    banded ||= count[at]! > 1 && min[at]! < max[at]!
  }
  const columnOf = (of: (at: number) => number): Array<number | null> => filled.map((at) => (count[at] === 0 ? null : short(of(at))))
  return {
    run,
    points,
    x: filled.map((at) => x[at]!),
    y: columnOf((at) => sum[at]! / count[at]!),
    min: banded ? columnOf((at) => min[at]!) : null,
    max: banded ? columnOf((at) => max[at]!) : null
  }
}

/** The curve of a series. Its chunks are looked at as they are: to join a million points would take as long as to draw them. */
export const curve = Effect.fnUntraced(function*(series: SeriesKey, range: CurveRange) {
  const chunks: Array<PointChunk.Points> = []
  for (const { bytes, chunk } of yield* (yield* RunStore).chunks(series)) {
    const points = PointChunk.decode(bytes)
    if (points === undefined) return yield* new CorruptArtifact({ digest: "", what: `Points of metric "${series.key}" of run "${series.runId}"`, reason: `chunk ${chunk} is damaged` })
    chunks.push(points)
  }
  return curveOf(series.runId, chunks, range)
})
