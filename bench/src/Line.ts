/**
 * One line of the benchmark's output: a figure of UniFlow beside the limit or the peer it is held against.
 *
 * Both are taken in the same process and in turn, several times; a line holds the medians. The machine is noisy, so
 * it is the ratio that counts, and the bar is a ratio.
 */

export interface Line {
  readonly name: string
  readonly unit: string
  readonly value: number
  /** What the figure is held against. */
  readonly against: string
  readonly againstValue: number
  readonly ratio: number
  /** The highest ratio that is accepted, or the lowest for rates; null where the figure is only reported. */
  readonly bar: number | null
  readonly holds: boolean | null
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const rounded = (value: number): number => Number(value.toPrecision(4))

/** A line from pairs of measurements; the ratio is the median of the pairs' ratios. `most`: lower is better; `least`: higher is. */
export const line = (options: {
  readonly name: string
  readonly unit: string
  readonly against: string
  readonly pairs: ReadonlyArray<{ readonly value: number; readonly against: number }>
  readonly bar: { readonly most: number } | { readonly least: number } | null
}): Line => {
  const { name, unit, against, pairs, bar } = options
  const ratio = median(pairs.map((pair) => pair.value / pair.against))
  return {
    name,
    unit,
    value: rounded(median(pairs.map((pair) => pair.value))),
    against,
    againstValue: rounded(median(pairs.map((pair) => pair.against))),
    ratio: rounded(ratio),
    bar: bar === null ? null : "most" in bar ? bar.most : bar.least,
    holds: bar === null ? null : "most" in bar ? ratio <= bar.most : ratio >= bar.least
  }
}

/** Milliseconds that a piece of work takes. */
export const timed = async (work: () => Promise<unknown> | unknown): Promise<number> => {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}
