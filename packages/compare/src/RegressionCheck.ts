/**
 * Conditions that fail a build: `metrics.accuracy drops > 0.01`, `run.duration rises > 20%`, `metrics.loss worsens`.
 *
 * A condition is about one metric, against the baseline of a comparison. It fails where what it says has happened, and also where it cannot be
 * told: a metric that is gone, or NaN, is no sign that all is well. Of groups it looks at their means; `worsens` without an amount asks for more than
 * chance there.
 */
import { InvalidInput } from "@uniflow/core"
import type { Goal } from "./Change.ts"
import type { Comparison } from "./Comparison.ts"
import { formatDelta, formatDuration, formatDurationDelta, formatNumbers, formatPercent } from "./Format.ts"
import type { GroupComparison, GroupVerdict } from "./GroupComparison.ts"
import { DURATION } from "./internal/compareGroupMetrics.ts"

const VERBS = ["drops", "rises", "changes", "worsens"] as const
const FIGURES = ["last", "min", "max", "mean", "best"] as const

export interface RegressionCondition {
  /** As it was written. */
  readonly text: string
  /** A metric's name, or `run.duration`. */
  readonly metric: string
  readonly verb: (typeof VERBS)[number]
  /** Undefined: any change (of groups, and with `worsens`: more than chance). */
  readonly amount: { readonly above: number; readonly inclusive: boolean; readonly unit: "absolute" | "percent" } | undefined
}

/** What came of a condition for one run or group. */
export interface RegressionCheck {
  readonly condition: string
  /** The run or group that was looked at. */
  readonly subject: string
  readonly failed: boolean
  readonly baseline: number | undefined
  readonly value: number | undefined
  /** What was found, such as `0.97 to 0.94 (-0.03, -3.1%)`. */
  readonly found: string
}

const units: Record<string, number> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 }

const grammar = /^(?:metrics\.(?:`([^`]+)`((?:\.\w+)?)|(\S+))|(run\.duration))\s+([a-z]+)(?:\s*(?:by\s+)?(>=|>)\s*(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)\s*(%|ms|s|min|h)?)?$/i

/**
 * A condition from its text: `metrics.<name>` or `run.duration`, then `drops`, `rises`, `changes` or `worsens`, then `> amount` or `>= amount`, in the metric's unit or in `%` (of a
 * duration also in `ms`, `s`, `min`, `h`). Without an amount any change counts.
 *
 * @throws InvalidInput where it cannot be understood.
 */
export const parseCondition = (text: string): RegressionCondition => {
  const wrong = (issue: string): InvalidInput =>
    new InvalidInput({ what: `The condition ${JSON.stringify(text)}`, issue: `${issue} Write it like "metrics.accuracy drops > 0.01", "metrics.loss worsens" or "run.duration rises > 20%".` })
  const match = grammar.exec(text.trim())
  if (match === null) throw wrong("cannot be understood.")
  const [, quoted, figure = "", plain, duration, word = "", comparison, amount, unit] = match
  const verb = VERBS.find((one) => one === word.toLowerCase())
  if (verb === undefined) throw wrong(`"${word}" is none of ${VERBS.join(", ")}.`)
  if (duration === undefined && unit !== undefined && unit !== "%") throw wrong(`only run.duration has the unit ${unit}.`)
  return {
    text: text.trim(),
    metric: duration !== undefined ? DURATION : quoted !== undefined ? `${quoted}${figure}` : plain!,
    verb,
    amount: amount === undefined ? undefined : {
      above: Number(amount) * (unit === undefined || unit === "%" ? 1 : units[unit.toLowerCase()]!),
      inclusive: comparison === ">=",
      unit: unit === "%" ? "percent" : "absolute"
    }
  }
}

/** A metric of the baseline and of one other run or group. */
interface Found {
  readonly subject: string
  readonly goal: Goal | undefined
  readonly baseline: number | undefined
  readonly value: number | undefined
  readonly difference: number | undefined
  /** Of groups. */
  readonly verdict: GroupVerdict | undefined
}

const parts = (metric: string): ReadonlyArray<readonly [name: string, figure: (typeof FIGURES)[number] | undefined]> => {
  const figure = FIGURES.find((one) => metric.endsWith(`.${one}`))
  return [[metric, undefined], ...figure === undefined ? [] : [[metric.slice(0, -figure.length - 1), figure] as const]]
}

const ofGroups = (comparison: GroupComparison, metric: string): ReadonlyArray<Found> => {
  for (const [name, figure] of parts(metric)) {
    const found = comparison.metrics.find((one) => {
      const wanted = figure === "best" ? (one.goal === "maximize" ? "max" : one.goal === "minimize" ? "min" : undefined) : figure
      return (one.name === name || `${one.step}.${one.key}` === name) && (figure === undefined || one.figure === wanted)
    })
    if (found === undefined) continue
    const base = found.groups[0]
    return found.groups.slice(1).map(({ against, mean, n, notFinite }, at) => {
      const usable = notFinite === 0 && base?.notFinite === 0
      return {
        subject: comparison.groups[at + 1]?.name ?? "",
        goal: found.goal,
        baseline: base === undefined || base.n === 0 ? undefined : base.notFinite > 0 ? Number.NaN : base.mean,
        value: n === 0 && notFinite === 0 ? undefined : notFinite > 0 ? Number.NaN : mean,
        difference: usable ? against?.difference : undefined,
        verdict: against?.judgement?.verdict
      }
    })
  }
  return comparison.groups.slice(1).map(({ name }) => ({ subject: name, goal: undefined, baseline: undefined, value: undefined, difference: undefined, verdict: undefined }))
}

const ofRuns = (comparison: Comparison, metric: string): ReadonlyArray<Found> => {
  const others = comparison.runs.slice(1)
  const rows = (goal: Goal | undefined, values: ReadonlyArray<number | undefined>): ReadonlyArray<Found> =>
    others.map(({ id }, at) => {
      const baseline = values[0]
      const value = values[at + 1]
      return { subject: id, goal, baseline, value, difference: baseline === undefined || value === undefined ? undefined : value - baseline, verdict: undefined }
    })
  if (metric === DURATION) return rows("minimize", comparison.runs.map(({ durationIsLowerBound, durationMs }) => (durationIsLowerBound ? undefined : durationMs)))
  for (const [name, figure] of parts(metric)) {
    const found = comparison.metrics.find((one) => one.name === name || one.values.some((value) => value !== undefined && `${value.step}.${one.key}` === name))
    if (found === undefined) continue
    if (figure === "best" && found.goal === undefined) throw new InvalidInput({ what: `The metric ${metric}`, issue: `${name} has no goal; ask for ${name}.min or ${name}.max.` })
    const taken = figure === undefined ? found.figure : figure === "best" ? (found.goal === "maximize" ? "max" : "min") : figure
    return rows(found.goal, found.values.map((value) => value?.[taken]))
  }
  return rows(undefined, comparison.runs.map(() => undefined))
}

const happened = ({ amount, metric, verb }: RegressionCondition, { baseline, difference, goal, verdict }: Found, isGroup: boolean): boolean => {
  // What cannot be told counts as having happened.
  if (difference === undefined || Number.isNaN(difference) || baseline === undefined) return true
  if (verb === "worsens") {
    if (goal === undefined) throw new InvalidInput({ what: `The condition on ${metric}`, issue: "the metric has no goal, so nobody can say what is worse. Use drops or rises, or declare the goal in the pipeline." })
    if (amount === undefined && isGroup) {
      if (verdict === undefined) throw new InvalidInput({ what: `The condition on ${metric}`, issue: "this value of it is shown without a verdict. Name it among the metrics that are judged (--metrics), or say by how much." })
      return verdict === "worse"
    }
  }
  const towards = verb === "drops" || (verb === "worsens" && goal === "maximize") ? -difference : verb === "changes" ? Math.abs(difference) : difference
  if (amount === undefined) return towards > 0
  const size = amount.unit === "absolute" ? towards : baseline === 0 ? (towards === 0 ? 0 : Math.sign(towards) * Number.POSITIVE_INFINITY) : (towards / Math.abs(baseline)) * 100
  // 0.6 - 0.5 is a little less than 0.1: rounding does not decide.
  return amount.inclusive ? size >= amount.above * (1 - 1e-9) : size > amount.above * (1 + 1e-9)
}

const describe = ({ baseline, difference, value, verdict }: Found, metric: string, isGroup: boolean): string => {
  if (baseline === undefined) return value === undefined ? "neither has it" : "the baseline does not have it"
  if (value === undefined) return "it does not have it"
  const isTime = metric === DURATION
  const [from, to] = isTime ? [formatDuration(baseline), formatDuration(value)] : formatNumbers([baseline, value])
  const percent = difference === undefined || difference === 0 || baseline === 0 || !Number.isFinite(difference / baseline) ? undefined : formatPercent((difference / Math.abs(baseline)) * 100)
  const change = difference === undefined || difference === 0 || Number.isNaN(difference) ? undefined : isTime ? formatDurationDelta(difference) : formatDelta(difference)
  const how = [change, percent, isGroup ? verdict : undefined].filter((part) => part !== undefined).join(", ")
  return `${from} to ${to}${how === "" ? "" : ` (${how})`}`
}

/**
 * Looks at what conditions say, for each run or group beside the baseline, in the order of the conditions. Throws `InvalidInput` for `worsens` about a metric without
 * a goal, and where there is nothing beside the baseline.
 */
export const checkRegressions = (comparison: Comparison | GroupComparison, conditions: ReadonlyArray<RegressionCondition>): ReadonlyArray<RegressionCheck> => {
  const isGroup = "groups" in comparison
  return conditions.flatMap((condition) => {
    const found = isGroup ? ofGroups(comparison, condition.metric) : ofRuns(comparison, condition.metric)
    if (found.length === 0) throw new InvalidInput({ what: `The condition ${JSON.stringify(condition.text)}`, issue: "there is nothing beside the baseline to look at; give another run." })
    return found.map((one) => ({
      condition: condition.text,
      subject: one.subject,
      failed: happened(condition, one, isGroup),
      baseline: one.baseline,
      value: one.value,
      found: describe(one, condition.metric, isGroup)
    }))
  })
}
