/** The first page: every experiment with its last run, its best one against the baseline, and how it went lately. */
import { formatNumber } from "@uniflow/compare"
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { api } from "../api.ts"
import { Empty, Failure, Loading } from "../parts/States.tsx"
import { Status } from "../parts/Status.tsx"

export const Experiments = () => {
  const { data, error, isPending } = useQuery({ queryKey: ["experiments"], queryFn: api.experiments })
  if (isPending) return <Loading />
  if (error) return <Failure error={error} />
  if (data.experiments.length === 0) return <Empty title="No runs yet" />
  return (
    <ul>
      {data.experiments.map(({ best, experiment, last, runs }) => (
        <li key={experiment}>
          <Link to="/runs" search={{ experiment }}>{experiment}</Link> {runs} runs <Status status={last.status} /> {best === null ? "" : `${best.metric} ${formatNumber(Number(best.run.values[`metrics.${best.metric}`]))}`}
        </li>
      ))}
    </ul>
  )
}
