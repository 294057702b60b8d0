/** The first page: every experiment with its last run, its best one against the baseline, and how it went lately. */
import { formatCount, formatDelta, formatNumber } from "@uniflow/compare"
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { api, type ExperimentSummary } from "../api.ts"
import { Code } from "../parts/Code.tsx"
import { errorText, numberOf } from "../parts/fields.ts"
import { Sparkline } from "../parts/Sparkline.tsx"
import { Empty, Failure, Loading } from "../parts/States.tsx"
import { Status } from "../parts/Status.tsx"
import { useTitle } from "../parts/title.ts"
import { When } from "../parts/When.tsx"

const FIRST_RUN = `import { Metrics, Pipeline, Step, Uniflow } from "uniflow"
const train = Step.make("train", { version: "1", run: () => Metrics.create({ accuracy: 0.9 }) })
const model = Pipeline.make("model", { steps: [train], goals: { accuracy: "maximize" } })
const uniflow = await Uniflow.open()
await uniflow.run(model)`

const Best = ({ baseline, best }: Pick<ExperimentSummary, "baseline" | "best">) => {
  if (best === null) return <span className="text-soft">no goal</span>
  const field = `metrics.${best.metric}`
  const value = numberOf(best.run.values[field])
  const pinned = numberOf(baseline?.values[field])
  if (value === undefined) return <span className="text-soft">no value</span>
  const delta = pinned === undefined ? undefined : value - pinned
  const better = delta === undefined || delta === 0 ? undefined : (delta > 0) === (best.goal === "maximize")
  return (
    <>
      <Link to="/runs/$runId" params={{ runId: best.run.id }} className="font-semibold no-underline hover:underline" title={`Best run: ${best.run.id}`}>{formatNumber(value)}</Link>
      <span className="ml-2 text-small text-soft">{best.metric}</span>
      <div className="text-small text-soft">
        {delta === undefined || baseline === null
          ? "no baseline pinned"
          : baseline.id === best.run.id
          ? "is the baseline"
          : <><span className={better === undefined ? "" : better ? "text-good" : "text-bad"}>{better === undefined ? "" : better ? "▲ " : "▼ "}{formatDelta(delta)}</span> to the baseline</>}
      </div>
    </>
  )
}

const columns = "grid grid-cols-2 gap-x-6 gap-y-2 md:grid-cols-[minmax(10rem,2fr)_minmax(9rem,1.5fr)_minmax(9rem,1.5fr)_7.5rem_minmax(6rem,1fr)]"

const Row = ({ baseline, best, experiment, failed, last, running, runs, trend }: ExperimentSummary) => (
  <li className={`${columns} items-center border-b border-line px-3 py-3 hover:bg-band`}>
    <div className="col-span-2 min-w-0 md:col-span-1">
      <Link to="/runs" search={{ experiment }} className="block truncate font-semibold no-underline hover:underline">{experiment}</Link>
      <div className="text-small text-soft">{formatCount(runs, "run")}</div>
    </div>
    <div className="min-w-0">
      <Link to="/runs/$runId" params={{ runId: last.id }} className="no-underline hover:underline" aria-label={`Last run ${last.id}: ${last.status}`}><Status status={last.status} /></Link>
      <div className="text-small text-soft"><When atMs={last.startedAtMs} /></div>
    </div>
    <div className="min-w-0"><Best baseline={baseline} best={best} /></div>
    <Sparkline values={trend} label={`${best?.metric ?? "Metric"} of the newest ${trend.length} runs: from ${formatNumber(trend[0] ?? NaN)} to ${formatNumber(trend.at(-1) ?? NaN)}`} />
    <div className="text-small">
      {running > 0 ? <div><Status status="running" word={false} /><Link to="/runs" search={{ experiment, where: "run.status = \"running\"" }} className="no-underline hover:underline">{formatNumber(running)} running</Link></div> : null}
      {failed > 0 ? <div><Status status="failed" word={false} /><Link to="/runs" search={{ experiment, where: "run.status in (\"failed\", \"crashed\")" }} className="no-underline hover:underline">{formatNumber(failed)} failed</Link></div> : null}
      {running + failed === 0 ? <span className="text-soft">none running or failed</span> : null}
    </div>
    {last.error === null ? null : <p className="col-span-full truncate text-small text-bad" title={last.error.message}>{errorText(last.error)}</p>}
  </li>
)

export const Experiments = () => {
  useTitle("Experiments")
  const { data, error, isPending } = useQuery({ queryKey: ["experiments"], queryFn: api.experiments })
  return (
    <>
      <h1 className="mb-4 text-title font-semibold">Experiments</h1>
      {isPending ? <Loading /> : error ? <Failure error={error} /> : data.experiments.length === 0
        ? (
          <Empty title="No runs yet">
            <p className="mb-4">These five lines make the first one. It appears here by itself.</p>
            <Code text={FIRST_RUN} />
          </Empty>
        )
        : (
          <>
            <div aria-hidden="true" className={`${columns} hidden border-b border-line px-3 pb-1 text-small text-soft md:grid`}>
              <span>Experiment</span><span>Last run</span><span>Best run</span><span>Newest runs</span><span>State</span>
            </div>
            <ul aria-label="Experiments">{data.experiments.map((one) => <Row key={one.experiment} {...one} />)}</ul>
          </>
        )}
    </>
  )
}
