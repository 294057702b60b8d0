/**
 * Whether two samples differ by more than chance: permutation tests, exact where they are small.
 *
 * Unpaired: the values are dealt to the two groups in every other way, and the difference of their means, in units of its standard
 * error (Welch), is compared with the one that was seen. Exact for samples of one distribution; in units of the standard error it stays near its
 * level also where only the means are equal and the spreads are not (Chung and Romano, 2013). Paired: the signs of the differences are turned in every other way (Fisher,
 * 1935). Where there are too many ways, some are drawn at random, always the same ones, and the one that was seen counts as one of them, so that p is never
 * understated (Phipson and Smyth, 2010). All tests are two-sided.
 */
import { SeededStream } from "@uniflow/core"
import { momentsOf } from "./SampleSummary.ts"

export interface TestResult {
  /** Probability of a difference at least as large as the one seen, if there is none. */
  readonly p: number
  /** Whether every way was looked at, or some drawn at random. */
  readonly method: "exact" | "sampled"
}

export interface TestOptions {
  /** Ways drawn at random where there are more than `exactUpTo`. Default 9,999. */
  readonly resamples?: number | undefined
  /** Default 200,000: two groups of 10, or 17 pairs. */
  readonly exactUpTo?: number | undefined
}

/** In how many ways k of n can be chosen; Infinity where no double holds it. */
const choose = (n: number, k: number): number => {
  let ways = 1
  for (let i = 1; i <= Math.min(k, n - k); i++) ways = (ways * (n - Math.min(k, n - k) + i)) / i
  return Math.round(ways)
}

/** The least p that an unpaired test of groups of these sizes can give: 0.1 for three against three. */
export const leastP = (n: number, m: number): number => (n < 2 || m < 2 ? 1 : Math.min(1, (n === m ? 2 : 1) / choose(n + m, n)))

/** The least p that a paired test can give: 0.0625 for five pairs. */
export const leastPairedP = (pairs: number): number => (pairs < 2 ? 1 : 2 ** (1 - pairs))

/** What a statistic has to reach to be as large as the one seen: rounding makes none smaller. */
const boundOf = (statistic: number): number => statistic * (1 - 1e-5) - 1e-10

/** Squared standard errors below this part of the values' squared spread are rounding. */
const ROUNDING = 1e-10

const streamOf = (): SeededStream => new SeededStream([0x2545f491, 0x9e3779b9, 0x7f4a7c15, 0x1b873593])

/** Values around their common mean, the largest of them 1 in size. */
const standardized = (all: ReadonlyArray<number>): Float64Array => {
  // Divided by their size first: the largest numbers have no difference that a double holds.
  const size = all.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const values = all.map((value) => (size === 0 ? 0 : value / size))
  const { mean } = momentsOf(values)
  const scale = values.reduce((most, value) => Math.max(most, Math.abs(value - mean)), 0)
  return Float64Array.from(values, (value) => (scale === 0 ? 0 : (value - mean) / scale))
}

/** Two-sided test of whether `a` and `b` have the same mean. At least two values in each, else p is 1. All must be finite. */
export const permutationTest = (a: ReadonlyArray<number>, b: ReadonlyArray<number>, options: TestOptions = {}): TestResult => {
  const { exactUpTo = 200_000, resamples = 9_999 } = options
  const n = a.length
  const m = b.length
  const ways = choose(n + m, n)
  const method = ways <= exactUpTo ? "exact" : "sampled"
  if (n < 2 || m < 2) return { p: 1, method }
  const values = standardized([...a, ...b])
  const sum = values.reduce((total, value) => total + value, 0)
  const squares = values.reduce((total, value) => total + value * value, 0)
  /** Welch's t, squared, of a way to deal, by the sum and the sum of squares of the first group. */
  const statistic = (ownSum: number, ownSquares: number): number => {
    const otherSum = sum - ownSum
    const difference = ownSum / n - otherSum / m
    const error = (ownSquares - (ownSum * ownSum) / n) / (n - 1) / n + (squares - ownSquares - (otherSum * otherSum) / m) / (m - 1) / m
    const numerator = difference * difference
    return error > ROUNDING ? numerator / error : numerator > ROUNDING ? Number.POSITIVE_INFINITY : 0
  }
  let ownSum = 0
  let ownSquares = 0
  for (let i = 0; i < n; i++) {
    ownSum += values[i]!
    ownSquares += values[i]! * values[i]!
  }
  const bound = boundOf(statistic(ownSum, ownSquares))
  let reached = 0
  if (method === "exact") {
    const deal = (from: number, left: number, sumSoFar: number, squaresSoFar: number): void => {
      if (left === 0) {
        if (statistic(sumSoFar, squaresSoFar) >= bound) reached++
        return
      }
      for (let i = from; i <= n + m - left; i++) deal(i + 1, left - 1, sumSoFar + values[i]!, squaresSoFar + values[i]! * values[i]!)
    }
    deal(0, n, 0, 0)
    return { p: reached / ways, method }
  }
  const stream = streamOf()
  // The same values give the same draws, in whatever order they came.
  values.sort()
  for (let draw = 0; draw < resamples; draw++) {
    ownSum = 0
    ownSquares = 0
    for (let i = 0; i < n; i++) {
      const at = i + Math.floor(stream.next() * (n + m - i))
      const value = values[at]!
      values[at] = values[i]!
      values[i] = value
      ownSum += value
      ownSquares += value * value
    }
    if (statistic(ownSum, ownSquares) >= bound) reached++
  }
  return { p: (reached + 1) / (resamples + 1), method }
}

/** Two-sided test of whether differences of pairs have the mean 0. At least two pairs, else p is 1. All must be finite. */
export const pairedPermutationTest = (differences: ReadonlyArray<number>, options: TestOptions = {}): TestResult => {
  const { exactUpTo = 200_000, resamples = 9_999 } = options
  const n = differences.length
  const method = 2 ** n <= exactUpTo ? "exact" : "sampled"
  if (n < 2) return { p: 1, method }
  const scale = differences.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const values = Float64Array.from(differences, (value) => (scale === 0 ? 0 : value / scale))
  // The sum of squares is the same for all signs, so the mean orders them as Student's t does.
  const bound = boundOf(Math.abs(values.reduce((total, value) => total + value, 0)))
  if (method === "exact") {
    const turn = (at: number, sum: number): number => (at === n ? Number(Math.abs(sum) >= bound) : turn(at + 1, sum + values[at]!) + turn(at + 1, sum - values[at]!))
    return { p: turn(0, 0) / 2 ** n, method }
  }
  const stream = streamOf()
  values.sort()
  let reached = 0
  for (let draw = 0; draw < resamples; draw++) {
    let sum = 0
    for (const value of values) sum += stream.bits() < 0x8000_0000 ? value : -value
    if (Math.abs(sum) >= bound) reached++
  }
  return { p: (reached + 1) / (resamples + 1), method }
}

/** p values corrected for their number, so that any wrong verdict among them has at most the level's probability (Holm, 1979). */
export const holm = (ps: ReadonlyArray<number>): ReadonlyArray<number> => {
  const order = ps.map((_, at) => at).toSorted((x, y) => ps[x]! - ps[y]!)
  const adjusted = ps.map(() => 1)
  let most = 0
  for (const [rank, at] of order.entries()) {
    most = Math.max(most, Math.min(1, (ps.length - rank) * ps[at]!))
    adjusted[at] = most
  }
  return adjusted
}
