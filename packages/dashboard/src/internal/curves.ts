/**
 * Curves as a plot draws them: of all points in a range, as many buckets as it has pixels, each with its mean and its smallest and largest value, so
 * that no spike is lost. In columns, which is a third of the bytes of rows.
 */
import type { Curve } from "../Api.ts"

export interface CurveRange {
  readonly by: "index" | "time"
  readonly buckets: number
  readonly from?: number | undefined
  readonly to?: number | undefined
}

interface Points {
  readonly indexes: Float64Array
  readonly values: Float64Array
  readonly timesMs: Float64Array
}

// Nine digits tell every 32-bit number from its neighbours, and no plot shows more.
const short = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(9)) : null)

/** The curve of these points between `from` and `to`, in at most `buckets` buckets. A bucket without a finite number is a gap. */
export const curveOf = (run: string, { indexes, timesMs, values }: Points, { buckets, by, from = -Infinity, to = Infinity }: CurveRange): Curve => {
  const along = by === "index" ? indexes : timesMs
  let low = Infinity
  let high = -Infinity
  let points = 0
  for (const x of along) {
    if (x < from || x > to) continue
    points++
    if (x < low) low = x
    if (x > high) high = x
  }
  if (points === 0) return { run, points, x: [], y: [], min: null, max: null }
  // As many points as buckets need none: each is shown as it is.
  const width = points <= buckets ? 0 : (high - low) / buckets
  const filled = new Map<number, { x: number; sum: number; count: number; min: number; max: number }>()
  let n = 0
  for (let i = 0; i < along.length; i++) {
    const x = along[i]!
    if (x < from || x > to) continue
    const at = width === 0 ? n++ : Math.min(buckets - 1, Math.floor((x - low) / width))
    let bucket = filled.get(at)
    if (bucket === undefined) filled.set(at, bucket = { x, sum: 0, count: 0, min: Infinity, max: -Infinity })
    bucket.x = Math.max(bucket.x, x)
    const value = values[i]!
    if (!Number.isFinite(value)) continue
    bucket.sum += value
    bucket.count++
    if (value < bucket.min) bucket.min = value
    if (value > bucket.max) bucket.max = value
  }
  const rows = [...filled.values()].toSorted((a, b) => a.x - b.x)
  const banded = rows.some(({ count, max, min }) => count > 1 && min < max)
  return {
    run,
    points,
    x: rows.map(({ x }) => x),
    y: rows.map(({ count, sum }) => (count === 0 ? null : short(sum / count))),
    min: banded ? rows.map(({ count, min }) => (count === 0 ? null : short(min))) : null,
    max: banded ? rows.map(({ count, max }) => (count === 0 ? null : short(max))) : null
  }
}
