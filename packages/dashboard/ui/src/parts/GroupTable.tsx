/** Runs grouped by a field: how many, and of each metric the mean, the least and the most; what differs from the first group is judged. */
import { formatCount, formatDuration, formatNumber, MISSING } from "@uniflow/compare"
import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { api } from "../api.ts"
import { fieldLabel, numberOf } from "./fields.ts"
import { Empty, Failure, Loading } from "./States.tsx"

const MOST_METRICS = 40

const verdicts: { readonly [verdict: string]: readonly [symbol: string, className: string] } = {
  better: ["▲ better", "text-good"],
  worse: ["▼ worse", "text-bad"],
  higher: ["↑ higher", "text-soft"],
  lower: ["↓ lower", "text-soft"],
  inconclusive: ["≈ may be chance", "text-soft"]
}

export const GroupTable = ({ experiment, groupBy, where }: { readonly experiment: string | undefined; readonly where: string | undefined; readonly groupBy: string }) => {
  const { data, error, isPending } = useQuery({ queryKey: ["groups", experiment, where, groupBy], queryFn: () => api.groups({ experiment, where, groupBy }), placeholderData: keepPreviousData })
  if (isPending) return <Loading />
  if (error) return <Failure error={error} />
  const { groups, leftOut } = data
  if (groups.length === 0) return <Empty title={`No completed run has ${groupBy}`}>{leftOut.length > 0 ? `${formatCount(leftOut.length, "run")} left out: ${leftOut[0]!.because}.` : "Choose another field to group by."}</Empty>
  const metrics = data.metrics.slice(0, MOST_METRICS)
  const format = (metric: string, value: unknown): string => {
    const number = numberOf(value)
    return number === undefined || Number.isNaN(number) ? MISSING : metric === "run.duration" ? formatDuration(number) : formatNumber(number)
  }
  return (
    <>
      <div tabIndex={0} role="region" aria-label="Groups, to scroll" className="overflow-x-auto rounded border border-line text-small">
        <table className="w-full">
          <thead>
            <tr className="border-b border-line text-soft">
              <th scope="col" className="sticky left-0 bg-paper px-3 py-2 text-left font-normal">{groupBy.split(".", 1)[0]}<span className="block font-semibold text-ink">{fieldLabel(groupBy)}</span></th>
              <th scope="col" className="px-3 py-2 text-right align-bottom font-semibold text-ink">runs</th>
              {metrics.map(({ goal, name }) => (
                <th key={name} scope="col" className="px-3 py-2 text-right font-normal whitespace-nowrap">
                  mean{goal === null || goal === undefined ? "" : goal === "maximize" ? " ▲" : " ▼"}<span className="block font-semibold text-ink">{name === "run.duration" ? "took" : name}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {groups.map(({ name, runs }, n) => (
              <tr key={name} className="border-b border-line/60 align-top last:border-0 hover:bg-band">
                <th scope="row" className="sticky left-0 bg-paper px-3 py-2 text-left font-semibold">{name}</th>
                <td className="px-3 py-2 text-right">{formatNumber(runs.length)}</td>
                {metrics.map(({ goal, groups: figures, name: metric }) => {
                  const own = figures[n]!
                  const means = figures.flatMap(({ mean }) => numberOf(mean) ?? []).filter(Number.isFinite)
                  const best = means.length > 1 && (goal === "maximize" || goal === "minimize") && own.mean === (goal === "maximize" ? Math.max(...means) : Math.min(...means))
                  const verdict = own.against?.judgement?.verdict
                  const [word, className] = verdicts[verdict ?? ""] ?? ["", ""]
                  return (
                    <td key={metric} className="px-3 py-2 text-right whitespace-nowrap">
                      <span className={best ? "font-bold" : ""}>{format(metric, own.mean)}</span>{best ? <span className="sr-only"> (best)</span> : null}
                      <span className="block text-soft">{Number(own.n) > 1 ? `${format(metric, own.min)} … ${format(metric, own.max)}` : `${own.n} value${own.n === 1 ? "" : "s"}`}</span>
                      {word === "" ? null : <span className={`block ${className}`}>{word}</span>}
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="mt-2 text-small text-soft">
        Mean, and least … most, of completed runs. Judged against {groups[0]!.name}.{" "}
        {leftOut.length > 0 ? `${formatCount(leftOut.length, "run")} left out (${leftOut[0]!.because}). ` : ""}
        {groups.length > 1 ? <Link to="/compare" search={{ group: groupBy, ...experiment === undefined ? {} : { experiment }, ...where === undefined ? {} : { where } }}>Compare the groups</Link> : null}
      </p>
    </>
  )
}
