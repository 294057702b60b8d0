/** Metrics of groups of runs: the figures of each group, how they differ from the baseline's, and what tests say of it. */
import { InvalidInput } from "@uniflow/core"
import { differenceInterval, pairedInterval } from "../BootstrapInterval.ts"
import type { Goal } from "../Change.ts"
import type { GroupDifference, GroupFigures, GroupMetric, Judgement } from "../GroupComparison.ts"
import { holm, leastP, leastPairedP, pairedPermutationTest, permutationTest, type TestResult } from "../PermutationTest.ts"
import { leastRepeats, MOST_REPEATS, repeatsNeeded } from "../RepeatsNeeded.ts"
import type { MeasuredFigures, MeasuredMetric, RunGroup } from "../RunGroup.ts"
import { momentsOf, type SampleSummary, summarize } from "../SampleSummary.ts"
import { allNames } from "./comparing.ts"

interface Options {
  readonly metrics: ReadonlyArray<string> | undefined
  readonly also: ReadonlyArray<string>
  readonly confidence: number
  readonly pairBy: string | undefined
  readonly intervals: boolean
}

export const DURATION = "run.duration"

/** A metric with one value for each run of each group. */
interface Chosen {
  readonly name: string
  readonly step: string
  readonly key: string
  readonly goal: Goal | undefined
  readonly figure: GroupMetric["figure"]
  readonly judged: boolean
  readonly values: ReadonlyArray<ReadonlyArray<number | undefined>>
}

const metricOf = ({ metrics }: RunGroup, name: string): MeasuredMetric | undefined =>
  metrics.find((metric) => metric.name === name) ?? metrics.find(({ key, step }) => `${step}.${key}` === name)

const goalOf = (found: ReadonlyArray<MeasuredMetric | undefined>): Goal | undefined => {
  const goals = new Set(found.flatMap((metric) => (metric?.goal === undefined ? [] : [metric.goal])))
  return goals.size === 1 ? [...goals][0] : undefined
}

/** `judged`: by name; undefined where the goal decides. */
const choose = (groups: ReadonlyArray<RunGroup>, name: string, figure: GroupMetric["figure"] | "best" | undefined, judged: boolean | undefined): Chosen | undefined => {
  if (name === DURATION && figure === undefined) {
    return { name, step: "", key: name, goal: "minimize", figure: "last", judged: judged ?? false, values: groups.map(({ runs }) => runs.map(({ durationMs }) => durationMs)) }
  }
  const found = groups.map((group) => metricOf(group, name))
  const some = found.find((metric) => metric !== undefined)
  if (some === undefined) return undefined
  const goal = goalOf(found)
  if (figure === "best" && goal === undefined) throw new InvalidInput({ what: `The metric ${name}.best`, issue: `${name} has no goal; ask for ${name}.min or ${name}.max, or declare the goal in the pipeline.` })
  const own = found.some((metric) => metric?.items) ? "mean" : "last"
  const taken = figure === "best" ? (goal === "maximize" ? "max" : "min") : figure ?? own
  return {
    name: some.name,
    step: some.step,
    key: some.key,
    goal,
    figure: taken,
    judged: judged ?? goal !== undefined,
    values: groups.map(({ runs }, at) => runs.map((_, run) => (found[at]?.values[run] as MeasuredFigures | undefined)?.[taken]))
  }
}

const FIGURES = ["last", "min", "max", "mean", "best"] as const

const named = (groups: ReadonlyArray<RunGroup>, text: string, judged: boolean): Chosen => {
  const figure = FIGURES.find((one) => text.endsWith(`.${one}`))
  const chosen = choose(groups, text, undefined, judged) ?? (figure === undefined ? undefined : choose(groups, text.slice(0, -figure.length - 1), figure, judged))
  if (chosen !== undefined) return chosen
  const names = allNames(groups.map(({ metrics }) => metrics.map(({ name }) => name)))
  throw new InvalidInput({ what: `The metric ${text}`, issue: `no run has it. There are: ${[...names.slice(0, 20), DURATION].join(", ")}${names.length > 20 ? ", …" : ""}.` })
}

const isFinite = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value)

interface Sample {
  readonly values: ReadonlyArray<number | undefined>
  readonly finite: ReadonlyArray<number>
  readonly summary: SampleSummary
  readonly notFinite: number
}

const sampleOf = (values: ReadonlyArray<number | undefined>, confidence: number): Sample => {
  const finite = values.filter(isFinite)
  return { values, finite, summary: summarize(finite, confidence), notFinite: values.filter((value) => value !== undefined && !Number.isFinite(value)).length }
}

/** Positions of the runs of two groups that make a pair. */
type Pairs = ReadonlyArray<readonly [baseline: number, other: number]>

const pairsOf = (baseline: RunGroup, other: RunGroup, pairBy: string): Pairs => {
  const keyed = ({ name, runs }: RunGroup): ReadonlyMap<string, number> => {
    const at = new Map<string, number>()
    for (const [position, { id, pair }] of runs.entries()) {
      if (pair === undefined) continue
      const before = at.get(pair)
      if (before !== undefined) {
        throw new InvalidInput({ what: "compareGroups", issue: `runs ${runs[before]!.id} and ${id} of group "${name}" have the same ${pairBy}, ${pair}: a pair needs one run of each group.` })
      }
      at.set(pair, position)
    }
    return at
  }
  const first = keyed(baseline)
  const pairs = [...keyed(other)].flatMap(([pair, at]) => (first.has(pair) ? [[first.get(pair)!, at] as const] : []))
  if (pairs.length === 0) throw new InvalidInput({ what: "compareGroups", issue: `no run of group "${other.name}" has the ${pairBy} of a run of group "${baseline.name}".` })
  return pairs
}

/** What two groups give to be tested. */
interface Contest {
  readonly difference: number
  readonly percent: number | undefined
  readonly interval: GroupDifference["interval"]
  readonly pairs: number | undefined
  readonly notFinite: boolean
  /** Undefined where there are too few values to test anything. */
  readonly test: TestResult | undefined
  readonly leastP: number
  /** Repeats there are, in the smaller group. */
  readonly repeats: number
  /** Of one difference; see `repeatsNeeded`. */
  readonly variance: number
}

const contestOf = (baseline: Sample, other: Sample, pairs: Pairs | undefined, { confidence, intervals }: Options, judged: boolean): Contest | undefined => {
  const both = (pairs ?? []).flatMap(([a, b]) => {
    const values = [baseline.values[a], other.values[b]] as const
    return isFinite(values[0]) && isFinite(values[1]) ? [[values[0], values[1]] as const] : []
  })
  if (pairs === undefined ? baseline.finite.length === 0 || other.finite.length === 0 : both.length === 0) return undefined
  const notFinite = baseline.notFinite + other.notFinite > 0
  const differences = both.map(([a, b]) => b - a)
  const base = pairs === undefined ? baseline.summary.mean : momentsOf(both.map(([a]) => a)).mean
  const difference = pairs === undefined ? other.summary.mean - base : momentsOf(differences).mean
  const repeats = pairs === undefined ? Math.min(baseline.finite.length, other.finite.length) : both.length
  const testable = judged && !notFinite && repeats >= 2
  return {
    difference,
    percent: base === 0 || !Number.isFinite(difference / base) ? undefined : (difference / Math.abs(base)) * 100,
    interval: !judged || !intervals ? undefined : pairs === undefined ? differenceInterval(baseline.finite, other.finite, { confidence }) : pairedInterval(differences, { confidence }),
    pairs: pairs === undefined ? undefined : both.length,
    notFinite,
    test: !testable ? undefined : pairs === undefined ? permutationTest(baseline.finite, other.finite) : pairedPermutationTest(differences),
    leastP: pairs === undefined ? leastP(baseline.finite.length, other.finite.length) : leastPairedP(both.length),
    repeats,
    variance: pairs === undefined ? (baseline.summary.sd ?? 0) ** 2 + (other.summary.sd ?? 0) ** 2 : repeats < 2 ? 0 : momentsOf(differences).variance
  }
}

const judge = (contest: Contest, adjustedP: number, verdicts: number, goal: Goal | undefined, confidence: number): Judgement => {
  const { difference, leastP: least, notFinite, pairs, repeats, test, variance } = contest
  const p = test?.p ?? 1
  const method = test?.method ?? "exact"
  const alpha = 1 - confidence
  if (notFinite) return { verdict: "inconclusive", because: "not finite", p, adjustedP, method, repeatsNeeded: undefined }
  // Rounding of 1 - 0.95 must not decide.
  if (test !== undefined && adjustedP <= alpha * (1 + 1e-12)) {
    const verdict = goal === undefined ? (difference > 0 ? "higher" : "lower") : difference > 0 === (goal === "maximize") ? "better" : "worse"
    return { verdict, because: undefined, p, adjustedP, method, repeatsNeeded: undefined }
  }
  const level = (alpha * (1 + 1e-12)) / verdicts
  const paired = pairs !== undefined
  if (test === undefined || least > level) {
    const needed = Math.max(repeats + 1, leastRepeats(level, paired))
    return { verdict: "inconclusive", because: "too few repeats", p, adjustedP, method, repeatsNeeded: needed }
  }
  const needed = repeatsNeeded({ difference, variance, level, paired })
  const beyond = needed === undefined ? undefined : Math.max(repeats + 1, needed)
  return { verdict: "inconclusive", because: "chance", p, adjustedP, method, repeatsNeeded: beyond === undefined || beyond > MOST_REPEATS ? undefined : beyond }
}

/** Compares the metrics of groups with those of the first one. */
export const compareGroupMetrics = (groups: ReadonlyArray<RunGroup>, options: Options): ReadonlyArray<GroupMetric> => {
  const { also, confidence, metrics, pairBy } = options
  const [baseline, ...others] = groups
  if (baseline === undefined) return []
  const wanted = metrics === undefined
    // A baseline from a file names its metrics as it found them: the others' names and order come first.
    ? allNames([...others, baseline].map((group) => group.metrics.map(({ name }) => name))).flatMap((name) => choose(groups, name, undefined, undefined) ?? [])
    : metrics.map((text) => named(groups, text, true))
  const chosen = [...wanted, ...also.map((text) => named(groups, text, false))].filter(
    (one, at, all) => all.findIndex(({ figure, name }) => name === one.name && figure === one.figure) === at
  )
  const pairs = pairBy === undefined ? undefined : others.map((group) => pairsOf(baseline, group, pairBy))
  const compared = chosen.map((metric) => {
    const samples = metric.values.map((values) => sampleOf(values, confidence))
    const contests = samples.map((sample, at) => (at === 0 ? undefined : contestOf(samples[0]!, sample, pairs?.[at - 1], options, metric.judged)))
    return { metric, samples, contests }
  })
  const tested = compared.flatMap(({ contests }) => contests.flatMap((contest) => (contest?.test === undefined ? [] : [contest])))
  const corrected = holm(tested.map(({ test }) => test!.p))
  const adjusted = new Map(tested.map((contest, at) => [contest, corrected[at]!]))
  return compared.map(({ contests, metric: { figure, goal, judged, key, name, step }, samples }) => ({
    name,
    step,
    key,
    goal,
    figure,
    groups: samples.map(({ notFinite, summary, values }, at): GroupFigures => {
      const contest = contests[at]
      return {
        ...summary,
        values,
        missing: values.filter((value) => value === undefined).length,
        notFinite,
        against: contest === undefined ? undefined : {
          difference: contest.difference,
          percent: contest.percent,
          interval: contest.interval,
          pairs: contest.pairs,
          judgement: judged ? judge(contest, adjusted.get(contest) ?? 1, Math.max(1, tested.length), goal, confidence) : undefined
        }
      }
    })
  }))
}
