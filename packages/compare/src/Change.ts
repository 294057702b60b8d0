/**
 * How one figure changed against another, and whether that is better.
 *
 * Nothing is made up: what has no meaning (a percentage of zero, a difference to NaN, a verdict without a goal) is
 * undefined.
 */

/** Which direction of a metric is better, as the pipeline's `goals` declare it. */
export type Goal = "maximize" | "minimize"

export type Verdict = "better" | "worse" | "same"

export interface Change {
  /** Value minus baseline; ±Infinity where one of them is infinite. Undefined where one is NaN, or for a difference of equal infinities. */
  readonly delta: number | undefined
  /** The difference in percent of the baseline's size, positive where the value grew. Undefined for a baseline of zero and for what is not finite. */
  readonly percent: number | undefined
  /** Undefined without a goal, and where one of them is NaN. */
  readonly better: Verdict | undefined
}

const finiteOrUndefined = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined)

/** The change from a baseline to a value. */
export const changeBetween = (baseline: number, value: number, goal?: Goal): Change => {
  const finite = Number.isFinite(baseline) && Number.isFinite(value)
  // Adding 0 makes 0 of -0.
  const difference = value - baseline + 0
  const comparable = goal !== undefined && !Number.isNaN(baseline) && !Number.isNaN(value)
  return {
    // Two finite numbers whose difference overflows are not infinitely far apart.
    delta: finite ? finiteOrUndefined(difference) : Number.isNaN(difference) ? undefined : difference,
    percent: finite && baseline !== 0 ? finiteOrUndefined((difference / Math.abs(baseline)) * 100) : undefined,
    better: !comparable ? undefined : value === baseline ? "same" : value > baseline === (goal === "maximize") ? "better" : "worse"
  }
}

/** Positions of the best values by the goal; empty without a goal, with fewer than two values that compare, or if all are equal. */
export const bestOf = (values: ReadonlyArray<number | undefined>, goal: Goal | undefined): ReadonlyArray<number> => {
  const comparable = values.filter((value): value is number => value !== undefined && !Number.isNaN(value))
  if (goal === undefined || new Set(comparable).size < 2) return []
  const best = comparable.reduce((a, b) => (goal === "maximize" ? Math.max(a, b) : Math.min(a, b)))
  return values.flatMap((value, at) => (value === best ? [at] : []))
}
