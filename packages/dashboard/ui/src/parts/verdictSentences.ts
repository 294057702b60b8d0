/** What a comparison says, as a sentence: what a person reads first, before any table. */
import { type ComparisonJson, formatDelta, formatNumber, formatPercent, type GroupComparisonJson } from "@uniflow/compare"
import { figureOf } from "./figures.ts"

export interface Piece {
  readonly text: string
  readonly tone?: "good" | "bad" | "strong" | "warning" | "faint"
}

export type Sentence = ReadonlyArray<Piece>

const list = (parts: ReadonlyArray<Sentence>): Sentence =>
  parts.flatMap((part, at) => [...at === 0 ? [] : [{ text: at === parts.length - 1 ? " and " : ", " }], ...part])

const isShare = /(?:accuracy|precision|recall|f1|auc)$/i

/** A share of 0 to 1 changes by points of a hundred; everything else by its own figure. */
const changeText = (name: string, base: number | undefined, value: number | undefined, percent: number | undefined): string => {
  const inPercent = percent === undefined ? undefined : formatPercent(percent)
  if (base === undefined || value === undefined) return inPercent ?? ""
  if (isShare.test(name) && base >= 0 && base <= 1 && value >= 0 && value <= 1) return `${formatDelta((value - base) * 100, 3)} points${inPercent === undefined ? "" : ` (${inPercent})`}`
  return inPercent ?? formatDelta(value - base, 3)
}

type Metric = ComparisonJson["metrics"][number]

const valueAt = ({ figure, values }: Metric, at: number): number | undefined => figureOf(values[at]?.[figure])

const changeAt = (metric: Metric, at: number): string => changeText(metric.name, valueAt(metric, 0), valueAt(metric, at), figureOf(metric.values[at]?.change?.percent))

const named = (id: string): Piece => ({ text: id, tone: "strong" })

const twoRuns = ({ metrics, runs: [base, other] }: ComparisonJson, judged: ReadonlyArray<Metric>): Sentence => {
  const how = (verdict: string): ReadonlyArray<Metric> => judged.filter(({ values }) => values[1]?.change?.better === verdict)
  const [better, worse, same] = [how("better"), how("worse"), how("same")]
  const parts = (own: ReadonlyArray<Metric>, tone: "good" | "bad"): ReadonlyArray<Sentence> => own.map((metric) => [{ text: `${metric.name} ` }, { text: changeAt(metric, 1), tone }])
  const alike: Sentence = same.length === 0 ? [] : [{ text: `; the same in ${list(same.map(({ name }) => [{ text: name }])).map(({ text }) => text).join("")}` }]
  const start = named(other!.id)
  if (better.length > 0 && worse.length === 0) return [start, { text: " is " }, { text: "better", tone: "good" }, { text: ": " }, ...list(parts(better, "good")), ...alike]
  if (worse.length > 0 && better.length === 0) return [start, { text: " is " }, { text: "worse", tone: "bad" }, { text: ": " }, ...list(parts(worse, "bad")), ...alike]
  if (better.length > 0) return [start, { text: " is " }, { text: "better", tone: "good" }, { text: " in " }, ...list(parts(better, "good")), { text: " and " }, { text: "worse", tone: "bad" }, { text: " in " }, ...list(parts(worse, "bad")), ...alike]
  if (same.length > 0) return [start, { text: " is as good as " }, named(base!.id), { text: `: the same in ${same.map(({ name }) => name).join(", ")}` }]
  const differ = metrics.filter((metric) => metric.differs).length
  return [{ text: metrics.length === 0 ? "Neither run has metrics" : `No metric with a goal is in both runs: ${differ === 0 ? "no metric differs" : `${differ} of ${metrics.length} metrics differ`}` }]
}

const manyRuns = ({ runs }: ComparisonJson, judged: ReadonlyArray<Metric>): Sentence => {
  const told = judged.filter(({ best }) => best.length > 0)
  if (told.length === 0) return [{ text: judged.length === 0 ? "No metric with a goal is in these runs" : "No run is better than the others" }]
  const parts = told.map((metric) => ({ metric, at: Number(metric.best[0]), ids: metric.best.map((at) => runs[Number(at)]!.id) }))
  const winner = parts[0]!
  const figure = ({ at, metric }: typeof winner): Piece => (at === 0 ? { text: formatNumber(valueAt(metric, at) ?? Number.NaN) } : { text: changeAt(metric, at), tone: "good" })
  if (parts.every(({ ids }) => ids.length === 1 && ids[0] === winner.ids[0])) {
    return [named(winner.ids[0]!), { text: winner.at === 0 ? ", the baseline, is " : " is " }, { text: "best", tone: "good" }, { text: ": " }, ...list(parts.map((part) => [{ text: `${part.metric.name} ` }, figure(part)]))]
  }
  return list(parts.map((part, at): Sentence => [
    ...list(part.ids.slice(0, 3).map((id) => [named(id)])),
    { text: at > 0 ? " in " : part.ids.length > 1 ? " are best in " : " is best in " },
    { text: `${part.metric.name} (` }, figure(part), { text: ")" }
  ]))
}

const joined = (sentence: Sentence): Sentence => [...sentence, { text: "." }]

/** What a comparison of runs says about its runs. */
export const comparisonVerdict = (comparison: ComparisonJson): Sentence => {
  const { metrics, runs } = comparison
  const judged = metrics.filter(({ goal }) => goal !== undefined && goal !== null)
  const bad = runs.filter(({ status }) => status === "failed" || status === "crashed")
  const compared = runs.length === 2 ? twoRuns(comparison, judged) : manyRuns(comparison, judged)
  const failures: Sentence = bad.length === 0 ? [] : [
    ...list(bad.slice(0, 3).map((run) => [named(run.id)])),
    { text: bad.length > 3 ? ` and ${bad.length - 3} others ` : " " },
    { text: "failed", tone: "bad" },
    { text: bad.length === 1 && bad[0]!.error?.step !== undefined ? ` in step ${bad[0]!.error.step}` : "" },
    { text: ". " }
  ]
  return [...failures, ...joined(compared)]
}

/** What a comparison of groups says: a sentence for each group but the baseline. */
export const groupVerdicts = ({ confidence, groups, metrics }: GroupComparisonJson): ReadonlyArray<Sentence> =>
  groups.slice(1).map(({ name }, index): Sentence => {
    const at = index + 1
    const told = metrics.flatMap((metric) => {
      const figures = metric.groups[at]
      const against = figures?.against
      return against?.judgement === undefined || against.judgement === null ? [] : [{ metric, against, judgement: against.judgement, n: against.pairs ?? Math.min(Number(metric.groups[0]!.n), Number(figures!.n)) }]
    })
    if (told.length === 0) return [{ text: "No metric with a goal is in both " }, named(name), { text: " and " }, named(groups[0]!.name), { text: "." }]
    const how = (verdict: string) => told.filter(({ judgement }) => judgement.verdict === verdict)
    const part = ({ against, metric }: (typeof told)[number], tone: Piece["tone"]): Sentence => {
      const size = against.percent === undefined ? formatDelta(Number(against.difference), 3) : formatPercent(Number(against.percent))
      const interval = against.interval
      return [
        { text: `${metric.name} ` },
        tone === undefined ? { text: size } : { text: size, tone },
        ...interval === undefined || interval === null ? [] : [{ text: ` (${formatNumber(Number(confidence) * 100, 4)}% interval ${formatDelta(Number(interval.low), 3)} to ${formatDelta(Number(interval.high), 3)})`, tone: "faint" as const }]
      ]
    }
    const clauses: Array<Sentence> = []
    const clause = (verdict: "better" | "worse" | "higher" | "lower", tone: Piece["tone"]): void => {
      const own = how(verdict)
      if (own.length === 0) return
      clauses.push([...clauses.length === 0 ? [named(name), { text: " is " }] : [], tone === undefined ? { text: verdict } : { text: verdict, tone }, ...clauses.length === 0 ? [{ text: " than " }, named(groups[0]!.name)] : [], { text: " in " }, ...list(own.map((one) => part(one, tone)))])
    }
    clause("better", "good")
    clause("worse", "bad")
    clause("higher", undefined)
    clause("lower", undefined)
    const open = how("inconclusive")
    if (open.length > 0) {
      const why = ({ judgement: { because, repeatsNeeded }, n }: (typeof open)[number]): string => {
        if (because === "not finite") return " (NaN)"
        const needed = figureOf(repeatsNeeded)
        const more = needed === undefined ? undefined : Math.max(1, needed - Number(n))
        return more === undefined ? "" : because === "too few repeats" ? ` (needs ${formatNumber(more)} more)` : ` (about ${formatNumber(more)} more)`
      }
      const names = list(open.map((one) => [{ text: one.metric.name }, { text: why(one), tone: "warning" }]))
      clauses.push(clauses.length === 0
        ? [named(name), { text: " against " }, named(groups[0]!.name), { text: " is " }, { text: "inconclusive", tone: "warning" }, { text: " in " }, ...names]
        : [...names, { text: open.length === 1 ? " is " : " are " }, { text: "inconclusive", tone: "warning" }])
    }
    return joined(clauses.flatMap((one, position) => [...position === 0 ? [] : [{ text: "; " }], ...one]))
  })

export const sentenceText = (sentence: Sentence): string => sentence.map(({ text }) => text).join("")
