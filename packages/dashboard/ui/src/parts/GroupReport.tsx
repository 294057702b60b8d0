/** Groups of repeats against a baseline: the verdict as sentences, then a table for every metric. */
import { formatCount, formatDelta, formatDuration, formatDurationDelta, formatNumber, formatPercent } from "@uniflow/compare"
import { Link } from "@tanstack/react-router"
import type { GroupComparisonJson } from "../api.ts"
import { figureOf } from "./figures.ts"
import { GroupDrawing } from "./GroupDrawing.tsx"
import { useSome } from "./ShowMore.tsx"
import { VerdictSentence } from "./VerdictSentence.tsx"
import { groupVerdicts } from "./verdictSentences.ts"

type Metric = GroupComparisonJson["metrics"][number]
type Range = { readonly low: number | string; readonly high: number | string } | null | undefined

const DURATION = "run.duration"
const MOST_SENTENCES = 6
const MOST_TABLES = 20

/** A value to the second digit of its spread, as the values beside it are. */
const toSpread = (value: number, sd: number | undefined): string => {
  if (sd === undefined || sd === 0 || !Number.isFinite(sd)) return formatNumber(value)
  const decimals = Math.max(0, 1 - Math.floor(Math.log10(sd)))
  return decimals > 8 || Math.abs(value) >= 1e15 ? formatNumber(value) : value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
}

const pText = (p: number): string => (p < 0.0001 ? "<0.0001" : p >= 0.995 ? "1" : formatNumber(p, 2))

const tones: Record<string, string> = { better: "text-good", worse: "text-bad", inconclusive: "text-warning" }
const marks: Record<string, string> = { better: "▲", worse: "▼", higher: "↑", lower: "↓", inconclusive: "≈" }

const Row = ({ at, groups, metric, onBaseline }: { readonly metric: Metric; readonly groups: GroupComparisonJson["groups"]; readonly at: number; readonly onBaseline: (group: string) => void }) => {
  const figures = metric.groups[at]!
  const { against, missing, notFinite } = figures
  const [mean, sd, n] = [Number(figures.mean), figureOf(figures.sd), Number(figures.n)]
  const isTime = metric.name === DURATION
  const value = (one: number): string => (isTime ? formatDuration(one) : toSpread(one, sd))
  const change = (one: number): string => (isTime ? formatDurationDelta(one) : formatDelta(one, 3))
  const range = (interval: Range, show: (bound: number) => string): string => (interval === null || interval === undefined ? "" : `${show(Number(interval.low))} to ${show(Number(interval.high))}`)
  const left = [Number(notFinite) > 0 ? `${notFinite} NaN` : "", Number(missing) > 0 ? `${missing} without` : ""].filter((text) => text !== "").join(", ")
  const judgement = against?.judgement
  const verdict = judgement?.verdict
  const tone = verdict === undefined ? "" : tones[verdict] ?? ""
  const name = groups[at]!.name
  const cell = "whitespace-nowrap border-t border-line py-1.5 pl-4 text-right"
  return (
    <tr>
      <th scope="row" className="sticky left-0 max-w-56 truncate border-t border-line bg-paper py-1.5 text-left font-normal" title={name}>
        {at === 0
          ? <><strong>{name}</strong> <span className="text-soft">baseline</span></>
          : <button type="button" title="Make it the baseline" onClick={() => onBaseline(name)} className="underline decoration-line underline-offset-4 hover:text-accent">{name}</button>}
      </th>
      <td className={cell}>{n}{left === "" ? "" : <span className="text-warning"> ({left})</span>}</td>
      <td className={`${cell} font-semibold`}>{n === 0 ? "" : value(mean)}</td>
      <td className={cell}>{sd === undefined ? "" : isTime ? formatDuration(sd) : formatNumber(sd, 2)}</td>
      <td className="border-t border-line py-1.5 pl-4" title={range(figures.interval, value)}><GroupDrawing metric={metric} at={at} /><span className="sr-only">Interval of the mean: {range(figures.interval, value)}</span></td>
      <td className={`${cell} ${tone}`}>
        {against === undefined || against === null ? "" : <>{change(Number(against.difference))}{against.percent === undefined || Number(against.difference) === 0 ? "" : ` (${formatPercent(Number(against.percent))})`}</>}
      </td>
      <td className={`${cell} text-soft`}>{judgement === undefined || judgement === null ? "" : range(against?.interval, change)}</td>
      <td className={cell}>{judgement === undefined || judgement === null || judgement.because === "not finite" ? "" : pText(Number(judgement.adjustedP))}</td>
      <td className={`whitespace-nowrap border-t border-line py-1.5 pl-4 ${tone}`}>{verdict === undefined ? "" : <><span aria-hidden="true" className="inline-block w-4">{marks[verdict] ?? ""}</span> {verdict}</>}</td>
    </tr>
  )
}

const MetricTable = ({ comparison, metric, onBaseline }: { readonly comparison: GroupComparisonJson; readonly metric: Metric; readonly onBaseline: (group: string) => void }) => {
  const percent = `${formatNumber(Number(comparison.confidence) * 100, 4)}%`
  const note = [metric.figure === "last" ? "" : metric.figure, metric.goal ?? ""].filter((text) => text !== "").join(", ")
  const head = "whitespace-nowrap py-1 pl-4 font-normal"
  return (
    <div className="relative overflow-x-auto">
      <table className="text-small">
        <caption className="py-1 text-left text-body font-semibold">{metric.name} <span className="text-small font-normal text-soft">{note}</span></caption>
        <thead>
          <tr className="text-soft">
            <th scope="col" className="sticky left-0 w-44 min-w-32 bg-paper py-1 text-left font-normal">{comparison.groupBy ?? "Group"}</th>
            <th scope="col" className={`${head} w-12 text-right`}>n</th>
            <th scope="col" className={`${head} w-24 text-right`}>mean</th>
            <th scope="col" className={`${head} w-24 text-right`}>sd</th>
            <th scope="col" className={`${head} text-left`}>runs, mean, {percent} interval</th>
            <th scope="col" className={`${head} w-44 text-right`}>difference</th>
            <th scope="col" className={`${head} w-44 text-right`}>{percent} interval</th>
            <th scope="col" className={`${head} w-16 text-right`}>p</th>
            <th scope="col" className={`${head} w-32 text-left`}>verdict</th>
          </tr>
        </thead>
        <tbody>{metric.groups.map((_, at) => <Row key={at} metric={metric} groups={comparison.groups} at={at} onBaseline={onBaseline} />)}</tbody>
      </table>
    </div>
  )
}

export const GroupReport = ({ comparison, onBaseline }: { readonly comparison: GroupComparisonJson; readonly onBaseline: (group: string) => void }) => {
  const sentences = groupVerdicts(comparison)
  const judgements = comparison.metrics.flatMap(({ groups }) => groups.flatMap(({ against }) => against?.judgement ?? []))
  const [metrics, more] = useSome(comparison.metrics, MOST_TABLES)
  const reasons = [...Map.groupBy(comparison.leftOut, ({ because }) => because)]
  return (
    <>
      <div className="mb-6 max-w-5xl space-y-2">
        {sentences.slice(0, MOST_SENTENCES).map((sentence, at) => <p key={at} className="text-title leading-snug"><VerdictSentence sentence={sentence} /></p>)}
        {sentences.length > MOST_SENTENCES ? <p className="text-small text-soft">And {formatCount(sentences.length - MOST_SENTENCES, "group")} more in the tables below</p> : null}
      </div>
      <div className="space-y-6">{metrics.map((metric) => <MetricTable key={metric.name} comparison={comparison} metric={metric} onBaseline={onBaseline} />)}{more}</div>
      <div className="mt-6 max-w-3xl space-y-1 text-small text-soft">
        <p>
          {judgements.length === 0
            ? "No verdicts: no metric has a goal. Declare goals in the pipeline."
            : `Means by Student's t, differences by bootstrap; p by a two-sided permutation test${comparison.pairBy === undefined ? "" : ` of pairs by ${comparison.pairBy}`}${judgements.length > 1 ? `, corrected for ${judgements.length} verdicts (Holm)` : ""}.`}
        </p>
        {reasons.length === 0 ? null : <p>Left out: {reasons.map(([because, runs]) => `${formatCount(runs.length, "run")} (${because})`).join(", ")}.</p>}
        <details>
          <summary className="cursor-pointer py-1">Runs of each group</summary>
          <dl className="mt-1 space-y-1">
            {comparison.groups.map(({ name, runs }) => <div key={name}><dt className="inline text-ink">{name}: </dt><dd className="inline">{runs.slice(0, 50).map((id, at) => <span key={id}>{at === 0 ? "" : ", "}<Link to="/runs/$runId" params={{ runId: id }}>{id}</Link></span>)}{runs.length > 50 ? `, and ${runs.length - 50} more` : ""}</dd></div>)}
          </dl>
        </details>
      </div>
    </>
  )
}
