/**
 * A sample of repeats in figures: how many, their mean, their spread, and how well they tell the true mean.
 */
import { studentQuantile } from "./internal/studentT.ts"

/** From `low` to `high`, in the unit of the values. */
export interface Interval {
  readonly low: number
  readonly high: number
}

export interface SampleSummary {
  readonly n: number
  /** NaN for no values. */
  readonly mean: number
  /** Standard deviation of the population that the sample is of (divided by n - 1); undefined for fewer than two values. */
  readonly sd: number | undefined
  /** Of the mean, by Student's t; undefined for fewer than two values. */
  readonly interval: Interval | undefined
  /** NaN for no values, as is `max`. */
  readonly min: number
  readonly max: number
}

/** Mean and variance in two passes, so that a small spread of large values is not lost. Divided by n - 1. */
export const momentsOf = (values: ReadonlyArray<number>): { readonly mean: number; readonly variance: number } => {
  const rough = values.reduce((total, value) => total + value / values.length, 0)
  const mean = rough + values.reduce((total, value) => total + (value - rough), 0) / values.length
  const variance = values.reduce((total, value) => total + (value - mean) ** 2, 0) / (values.length - 1)
  return { mean, variance }
}

/** The figures of finite values, with an interval that covers the true mean with the given confidence (0.95) where the values are normally distributed. */
export const summarize = (values: ReadonlyArray<number>, confidence = 0.95): SampleSummary => {
  const n = values.length
  const { mean, variance } = n === 0 ? { mean: Number.NaN, variance: Number.NaN } : momentsOf(values)
  const sd = n < 2 ? undefined : Math.sqrt(variance)
  const half = sd === undefined ? Number.NaN : (studentQuantile((1 + confidence) / 2, n - 1) * sd) / Math.sqrt(n)
  return {
    n,
    mean,
    sd,
    interval: Number.isFinite(half) ? { low: mean - half, high: mean + half } : undefined,
    min: n === 0 ? Number.NaN : values.reduce((a, b) => Math.min(a, b)),
    max: n === 0 ? Number.NaN : values.reduce((a, b) => Math.max(a, b))
  }
}
