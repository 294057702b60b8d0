/** Runs side by side, or groups of repeats: the verdict first, as a sentence, then what it rests on. */
import { useQuery } from "@tanstack/react-query"
import { Link, useNavigate, useSearch } from "@tanstack/react-router"
import { api } from "../api.ts"
import { CodeDiff } from "../parts/CodeDiff.tsx"
import { GroupReport } from "../parts/GroupReport.tsx"
import { RunComparison } from "../parts/RunComparison.tsx"
import { ItemsLine, RunItems } from "../parts/RunItems.tsx"
import { Section } from "../parts/Section.tsx"
import { Empty, Failure, Loading } from "../parts/States.tsx"
import { useTitle } from "../parts/title.ts"
import { VerdictSentence } from "../parts/VerdictSentence.tsx"
import { comparisonVerdict } from "../parts/verdictSentences.ts"

const Choice = ({ on, onClick, children }: { readonly on: boolean; readonly onClick: () => void; readonly children: string }) => (
  <button type="button" aria-pressed={on} onClick={onClick} className={`min-h-7 border border-line px-3 text-small first:rounded-l last:-ml-px last:rounded-r ${on ? "bg-band font-semibold" : "text-soft hover:text-ink"}`}>{children}</button>
)

const Runs = ({ ids }: { readonly ids: ReadonlyArray<string> }) => {
  const { all } = useSearch({ from: "/compare" })
  const navigate = useNavigate({ from: "/compare" })
  // The order of the runs is the reader's, and part of the address; each order is compared on its own.
  const { data, error, isPending } = useQuery({ queryKey: ["compare", ...ids], queryFn: () => api.compare(ids), placeholderData: (before) => before, meta: { runs: ids } })
  if (data === undefined) return <><h1 className="sr-only">Comparison of {ids.length} runs</h1>{isPending ? <Loading rows={12} /> : <Failure error={error} />}</>
  const show = (runs: ReadonlyArray<string>): void => void navigate({ search: (before) => ({ ...before, runs: runs.join(",") }), replace: true })
  const experiments = new Set(data.runs.map(({ experiment }) => experiment))
  const changing = data.params.filter(({ differs }) => differs)
  return (
    <>
      <h1 className="sr-only">Comparison of {data.runs.length} runs</h1>
      <p role="status" className="mb-2 max-w-5xl text-title leading-snug"><VerdictSentence sentence={comparisonVerdict(data)} /></p>
      <p className="mb-5 text-small text-soft">
        Against {data.runs[0]!.id}. Single runs cannot tell an effect from chance
        {experiments.size === 1 && changing.length > 0
          ? <>: <Link to="/compare" search={{ experiment: data.runs[0]!.experiment, group: `params.${changing[0]!.name}` }} className="text-accent underline">compare all repeats by {changing[0]!.name}</Link></>
          : "; repeats can"}.
      </p>
      <ItemsLine comparison={data} ids={data.runs.map(({ id }) => id)} />
      <div role="group" aria-label="Rows" className="mb-4 flex">
        <Choice on={all === undefined} onClick={() => void navigate({ search: ({ all: _, ...rest }) => rest, replace: true })}>Differing only</Choice>
        <Choice on={all !== undefined} onClick={() => void navigate({ search: (before) => ({ ...before, all: "1" }), replace: true })}>All</Choice>
      </div>
      <RunComparison comparison={data} all={all !== undefined} onBaseline={(id) => show([id, ...ids.filter((one) => one !== id)])} onRemove={(id) => show(ids.filter((one) => one !== id))} />
      <RunItems comparison={data} ids={data.runs.map(({ id }) => id)} />
      {data.code.changes.length === 0 ? null : <div className="mt-8"><Section title="Changes of code"><CodeDiff changes={data.code.changes} runs={data.runs} /></Section></div>}
    </>
  )
}

const select = "min-h-7 max-w-full rounded border border-line bg-paper px-2 text-small"

const Groups = ({ group }: { readonly group: string }) => {
  const { baseline, experiment, pair, where } = useSearch({ from: "/compare" })
  const navigate = useNavigate({ from: "/compare" })
  const fields = useQuery({ queryKey: ["fields", experiment ?? ""], queryFn: () => api.fields(experiment) })
  const { data, error, isPending } = useQuery({
    queryKey: ["groups", experiment, where, group, pair, baseline],
    queryFn: () => api.groups({ experiment, where, groupBy: group, pairBy: pair, baseline }),
    placeholderData: (before) => before
  })
  const choices = (fields.data?.fields ?? []).filter(({ field, varies }) => varies && /^(?:params|tags)\./.test(field)).map(({ field }) => field).slice(0, 200)
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2 text-small text-soft">
        <h1>{experiment === undefined ? "All runs" : <Link to="/runs" search={{ experiment }}>{experiment}</Link>}{where === undefined ? "" : ` where ${where}`}</h1>
        <label>grouped by{" "}
          <select value={group} className={`${select} text-ink`} onChange={({ target }) => void navigate({ search: ({ baseline: _, pair, ...rest }) => ({ ...rest, group: target.value, ...pair === undefined || pair === target.value ? {} : { pair } }), replace: true })}>
            {(choices.includes(group) ? choices : [group, ...choices]).map((field) => <option key={field}>{field}</option>)}
          </select>
        </label>
        <label>paired by{" "}
          <select value={pair ?? ""} className={`${select} text-ink`} onChange={({ target }) => void navigate({ search: ({ pair: _, ...rest }) => (target.value === "" ? rest : { ...rest, pair: target.value }), replace: true })}>
            <option value="">nothing</option>
            {["run.seed", ...choices.filter((field) => field !== group)].map((field) => <option key={field}>{field}</option>)}
          </select>
        </label>
      </div>
      {isPending ? <Loading rows={12} /> : error ? <Failure error={error} /> : <GroupReport comparison={data} onBaseline={(name) => void navigate({ search: (before) => ({ ...before, baseline: name }), replace: true })} />}
    </>
  )
}

export const Compare = () => {
  const { group, runs } = useSearch({ from: "/compare" })
  useTitle(group === undefined ? "Comparison" : `Comparison by ${group}`)
  const ids = [...new Set((runs ?? "").split(",").map((id) => id.trim()).filter((id) => id !== ""))]
  if (group !== undefined) return <Groups group={group} />
  if (ids.length < 2) {
    return (
      <>
        <h1 className="sr-only">Compare runs</h1>
        <Empty title="Nothing to compare yet">
          <p>Select two to twenty runs among <Link to="/runs" className="text-accent underline">the runs</Link>, or group the repeats of an experiment by a param.</p>
        </Empty>
      </>
    )
  }
  return <Runs ids={ids.slice(0, 20)} />
}
