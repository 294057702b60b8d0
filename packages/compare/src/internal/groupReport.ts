/** A group comparison in words: what its table says, before it becomes text, Markdown or HTML. */
import type { GroupComparisonData, GroupDifference, GroupFigures, GroupMetric, Judgement } from "../GroupComparison.ts"
import { formatCount, formatDelta, formatDuration, formatDurationDelta, formatNumber, formatPercent, MISSING } from "../Format.ts"
import type { Interval } from "../SampleSummary.ts"
import type { Tone } from "../Tone.ts"
import { DURATION } from "./compareGroupMetrics.ts"

/** A group's row under a metric. */
export interface GroupRow {
  readonly group: string
  readonly n: string
  readonly mean: string
  readonly sd: string
  readonly interval: string
  readonly difference: string
  readonly percent: string
  readonly differenceInterval: string
  readonly p: string
  readonly verdict: string
  readonly tone: Tone | undefined
}

export interface MetricReport {
  readonly name: string
  /** Such as `maximize` or `min, minimize`. */
  readonly note: string | undefined
  readonly rows: ReadonlyArray<GroupRow>
}

export interface GroupReport {
  readonly metrics: ReadonlyArray<MetricReport>
  readonly notes: ReadonlyArray<string>
}

/** A value to the second digit of its spread, as the values beside it are: `0.910` for a standard deviation of 0.016. */
const toSpread = (value: number, sd: number | undefined): string => {
  if (sd === undefined || sd === 0 || !Number.isFinite(sd)) return formatNumber(value)
  const decimals = Math.max(0, 1 - Math.floor(Math.log10(sd)))
  const size = Math.abs(value)
  if (decimals > 8 || size >= 1e15) return formatNumber(value)
  const [whole = "", fraction] = size.toFixed(decimals).split(".")
  const grouped = formatNumber(Number(whole))
  return `${value < 0 ? "-" : ""}${fraction === undefined ? grouped : `${grouped}.${fraction}`}`
}

/** p as people write it: never as 0. */
export const formatP = (p: number): string => (p < 0.0001 ? "<0.0001" : p >= 0.995 ? "1" : formatNumber(p, 2))

const verdictText = ({ because, repeatsNeeded, verdict }: Judgement, { pairs }: GroupDifference, n: number): string => {
  if (because === undefined) return verdict
  if (because === "not finite") return "inconclusive (NaN)"
  if (because === "too few repeats") return `too few ${pairs === undefined ? "repeats" : "pairs"}: ${formatNumber(repeatsNeeded ?? 0)} needed`
  return repeatsNeeded === undefined ? "inconclusive" : `inconclusive (~${formatNumber(repeatsNeeded - n)} more)`
}

const toneOf = (judgement: Judgement | undefined): Tone | undefined =>
  judgement === undefined ? undefined : judgement.verdict === "better" ? "good" : judgement.verdict === "worse" ? "bad" : judgement.because === undefined ? undefined : "warning"

const rowOf = (name: string, group: string, figures: GroupFigures, smallest: number): GroupRow => {
  const { against, interval, mean, missing, n, notFinite, sd, values } = figures
  const isTime = name === DURATION
  const value = (one: number): string => (isTime ? formatDuration(one) : toSpread(one, sd))
  const change = (one: number): string => (isTime ? formatDurationDelta(one) : formatDelta(one, 3))
  const range = (one: Interval | undefined, show: (bound: number) => string): string => (one === undefined ? MISSING : `${show(one.low)} to ${show(one.high)}`)
  const left = [notFinite > 0 ? `${notFinite} NaN` : "", missing > 0 ? `${missing} none` : ""].filter((text) => text !== "")
  return {
    group,
    n: left.length === 0 ? String(n) : `${n}/${values.length} (${left.join(", ")})`,
    mean: n === 0 ? MISSING : value(mean),
    sd: sd === undefined ? MISSING : isTime ? formatDuration(sd) : formatNumber(sd, 2),
    interval: range(interval, value),
    difference: against === undefined ? "" : change(against.difference),
    percent: against?.percent === undefined || against.difference === 0 ? "" : formatPercent(against.percent),
    differenceInterval: against === undefined || against.judgement === undefined ? "" : range(against.interval, change),
    p: against?.judgement === undefined ? "" : against.judgement.because === "not finite" ? MISSING : formatP(against.judgement.adjustedP),
    verdict: against?.judgement === undefined ? "" : verdictText(against.judgement, against, against.pairs ?? smallest),
    tone: toneOf(against?.judgement)
  }
}

const noteOf = ({ figure, goal, name }: GroupMetric): string | undefined =>
  [figure === "last" ? undefined : figure, name === DURATION ? undefined : goal].filter((part) => part !== undefined).join(", ") || undefined

/** Whether repeats of a group never vary: then chance has not been looked at. */
const neverVaries = ({ groups }: GroupMetric): boolean =>
  groups.every(({ n, sd }) => n >= 2 && sd === 0) && groups.some(({ against }) => against?.judgement !== undefined)

const list = (texts: ReadonlyArray<string>): string => texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)!}`

const notesOf = ({ confidence, leftOut, metrics, pairBy }: GroupComparisonData): ReadonlyArray<string> => {
  const judgements = metrics.flatMap(({ groups }) => groups.flatMap(({ against }) => against?.judgement ?? []))
  const tested = judgements.filter(({ because }) => because !== "not finite").length
  const percent = `${formatNumber(confidence * 100, 6)}%`
  const still = metrics.filter(neverVaries).map(({ name }) => name)
  const reasons = [...new Set(leftOut.map(({ because }) => because))]
  return [
    judgements.length === 0
      ? "No verdicts: no metric has a goal. Declare goals in the pipeline, or name the metrics to be judged."
      : [
        `${percent} intervals: means by Student's t, differences by bootstrap.`,
        `p: ${pairBy === undefined ? "permutation test" : `permutation test of pairs by ${pairBy}`}, two-sided${tested > 1 ? `, corrected for ${tested} verdicts (Holm)` : ""}.`
      ].join(" "),
    ...judgements.some(({ because, repeatsNeeded }) => because === "chance" && repeatsNeeded !== undefined)
      ? [`More ${pairBy === undefined ? "repeats: in each group" : "pairs"}, to find a difference like the one seen 4 times out of 5.`]
      : [],
    ...still.length > 0 ? [`The repeats do not vary in ${list(still.slice(0, 3))}${still.length > 3 ? " and others" : ""}: repeats under one seed say nothing of chance.`] : [],
    ...leftOut.length > 0
      ? [`Left out: ${list(reasons.map((reason) => `${formatCount(leftOut.filter(({ because }) => because === reason).length, "run")} (${reason})`))}.`]
      : []
  ]
}

export const groupReportOf = (data: GroupComparisonData): GroupReport => ({
  metrics: data.metrics.map((metric) => {
    const base = metric.groups[0]?.n ?? 0
    return {
      name: metric.name,
      note: noteOf(metric),
      rows: metric.groups.map((figures, at) => rowOf(metric.name, data.groups[at]?.name ?? "", figures, Math.min(base, figures.n)))
    }
  }),
  notes: notesOf(data)
})

/** What is compared, in parts: `stored` ones are texts from outside. */
export const groupTitleOf = ({ groupBy, groups, subject }: GroupComparisonData): ReadonlyArray<{ readonly text: string; readonly stored: boolean }> => {
  const stored = (text: string) => ({ text, stored: true })
  const word = (text: string) => ({ text, stored: false })
  const [first, second] = groups
  return [
    ...subject === undefined ? [] : [stored(subject), word(": ")],
    ...groups.length === 2 ? [stored(second?.name ?? "")] : [word(`${groups.length - 1} groups`)],
    word(" against "),
    stored(first?.name ?? ""),
    ...groupBy === undefined ? [] : [word(" by "), stored(groupBy)]
  ]
}

