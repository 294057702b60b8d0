/**
 * How many repeats it takes to see a difference.
 *
 * Two things are asked: that the permutation test can reach the level at all, and that a difference as large as the one seen, with the spread that was seen,
 * would be found with a probability of 80 percent (the sample size of Student's t test, iterated over its degrees of freedom). It is an estimate from a few values, and as good as these.
 */
import { leastP, leastPairedP } from "./PermutationTest.ts"
import { studentQuantile } from "./internal/studentT.ts"

/** More than this is not counted. */
export const MOST_REPEATS = 10_000

const POWER = 0.8

const first = (from: number, holds: (n: number) => boolean): number | undefined => {
  let low = from
  let high = from
  while (!holds(high)) {
    if (high >= MOST_REPEATS) return undefined
    low = high + 1
    high = Math.min(MOST_REPEATS, high * 2)
  }
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return high
}

/** The least repeats in each group, or pairs, with which a test can give `p <= level`. */
export const leastRepeats = (level: number, paired: boolean): number => first(2, (n) => (paired ? leastPairedP(n) : leastP(n, n)) <= level) ?? MOST_REPEATS

export interface RepeatsOptions {
  /** Mean difference that is to be found. */
  readonly difference: number
  /** Variance of one difference: of pairs, that of their differences; else the sum of both groups' variances. */
  readonly variance: number
  /** The level of the test, corrected for the number of tests. */
  readonly level: number
  readonly paired: boolean
}

/** Repeats in each group, or pairs, to find a difference with a power of 80 percent; undefined where it takes more than 10,000. */
export const repeatsNeeded = ({ difference, level, paired, variance }: RepeatsOptions): number | undefined => {
  const least = leastRepeats(level, paired)
  if (difference === 0) return undefined
  return first(least, (n) => {
    const df = paired ? n - 1 : 2 * (n - 1)
    const t = studentQuantile(1 - level / 2, df) + studentQuantile(POWER, df)
    return n >= (t * t * variance) / (difference * difference)
  })
}
