/**
 * Between which bounds a difference of means lies: the bootstrap-t interval (Efron and Tibshirani, 1993, chapter 12).
 *
 * Samples are drawn from the samples, with replacement, always the same ones; how far their differences lie from the one that was seen, in units of their
 * own standard error, gives the bounds. Of the simple bootstraps it is the one that keeps its coverage with few repeats, at the price of wide intervals
 * (Hesterberg, 2015).
 */
import { SeededStream } from "@uniflow/core"
import { type Interval, momentsOf } from "./SampleSummary.ts"

export interface BootstrapOptions {
  /** Default 0.95. */
  readonly confidence?: number | undefined
  /** Samples drawn. Default 9,999. */
  readonly resamples?: number | undefined
}

interface Estimate {
  readonly value: number
  readonly error: number
}

const estimateOf = (mean: number, sum: number, count: number, squares: number): Estimate => {
  const variance = Math.max(0, squares - (sum * sum) / count) / (count - 1)
  return { value: mean + sum / count, error: variance / count }
}

/**
 * Draws a sample of a sample, again and again. Values are kept around their mean, so that squares lose nothing, and in order, so that the same values
 * give the same draws in whatever order they came.
 */
const resampler = (values: ReadonlyArray<number>, stream: SeededStream): () => Estimate => {
  const { mean } = momentsOf(values)
  const centered = Float64Array.from(values, (value) => value - mean).sort()
  const count = centered.length
  return () => {
    let sum = 0
    let squares = 0
    for (let i = 0; i < count; i++) {
      const value = centered[Math.floor(stream.next() * count)]!
      sum += value
      squares += value * value
    }
    return estimateOf(mean, sum, count, squares)
  }
}

const intervalOf = (seen: Estimate, draw: () => Estimate, { confidence = 0.95, resamples = 9_999 }: BootstrapOptions): Interval | undefined => {
  const error = Math.sqrt(seen.error)
  if (error === 0) return { low: seen.value, high: seen.value }
  const rounding = seen.error * 1e-12
  const distances = Float64Array.from({ length: resamples }, () => {
    const { error: own, value } = draw()
    const distance = value - seen.value
    return own > rounding ? distance / Math.sqrt(own) : Math.abs(distance) <= error * 1e-9 ? 0 : Math.sign(distance) * Number.POSITIVE_INFINITY
  }).toSorted()
  const at = (probability: number): number => distances[Math.min(resamples - 1, Math.max(0, Math.round((resamples + 1) * probability) - 1))]!
  const low = seen.value - at((1 + confidence) / 2) * error
  const high = seen.value - at((1 - confidence) / 2) * error
  return Number.isFinite(low) && Number.isFinite(high) ? { low, high } : undefined
}

const stream = (): SeededStream => new SeededStream([0x41c64e6d, 0x6c078965, 0x5851f42d, 0x14057b7e])

const seen = (values: ReadonlyArray<number>): Estimate => {
  const { mean, variance } = momentsOf(values)
  return { value: mean, error: variance / values.length }
}

/** The mean of `b` minus that of `a`. Undefined for fewer than two values in one of them, and where so few say nothing. All must be finite. */
export const differenceInterval = (a: ReadonlyArray<number>, b: ReadonlyArray<number>, options: BootstrapOptions = {}): Interval | undefined => {
  if (a.length < 2 || b.length < 2) return undefined
  const random = stream()
  const first = resampler(a, random)
  const second = resampler(b, random)
  const minus = (x: Estimate, y: Estimate): Estimate => ({ value: y.value - x.value, error: x.error + y.error })
  return intervalOf(minus(seen(a), seen(b)), () => minus(first(), second()), options)
}

/** The mean of differences of pairs. Undefined for fewer than two, and where so few say nothing. All must be finite. */
export const pairedInterval = (differences: ReadonlyArray<number>, options: BootstrapOptions = {}): Interval | undefined =>
  differences.length < 2 ? undefined : intervalOf(seen(differences), resampler(differences, stream()), options)
