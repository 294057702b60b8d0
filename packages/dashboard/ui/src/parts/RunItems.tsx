/** Items of maps, and cases of evaluations, paired between runs: those that flipped first. Which are shown stands in the address. */
import { formatNumber } from "@uniflow/compare"
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query"
import { useNavigate, useSearch } from "@tanstack/react-router"
import { useEffect, useState } from "react"
import { api, type ComparisonJson, type ItemPage, type ItemShow } from "../api.ts"
import { Button } from "./Button.tsx"
import { ItemCells, ItemChangeMark } from "./ItemCells.tsx"
import { Section } from "./Section.tsx"
import { Failure, Loading } from "./States.tsx"

const shows: { readonly [show in ItemShow]: string } = {
  differing: "All that differ",
  flipped: "Flipped: a score, or failing",
  worse: "Worse",
  improved: "Improved",
  changed: "Changed, neither better nor worse",
  only: "Not in all runs",
  same: "The same",
  all: "All"
}

const isShow = (text: string | undefined): text is ItemShow => text !== undefined && Object.hasOwn(shows, text)

/** Steps whose items can be paired: of several the last, which is what the others lead to. */
const mapsOf = ({ steps }: ComparisonJson): ReadonlyArray<string> =>
  steps.filter(({ values }) => values.some((value) => value?.items !== undefined && value.items !== null)).map(({ step }) => step).toReversed()

const control = "min-h-7 max-w-full rounded border border-line bg-paper px-2 text-small text-ink"

const Search = ({ initial, onSearch }: { readonly initial: string; readonly onSearch: (text: string) => void }) => {
  const [text, setText] = useState(initial)
  useEffect(() => {
    if (text === initial) return
    const timer = setTimeout(() => onSearch(text), 250)
    return () => clearTimeout(timer)
  }, [text, initial, onSearch])
  return <input type="search" aria-label="Find items by what they were made of" placeholder="Find items" value={text} onChange={({ target }) => setText(target.value)} className={`${control} w-56`} />
}

/** What the address asks for, and what there is of it. */
const useItems = (ids: ReadonlyArray<string>, maps: ReadonlyArray<string>) => {
  const search = useSearch({ from: "/compare" })
  const step = search.step !== undefined && maps.includes(search.step) ? search.step : maps[0]
  const show = isShow(search.items) ? search.items : "differing"
  const find = search.find ?? ""
  const query = useInfiniteQuery({
    queryKey: ["items", step, show, find, ...ids],
    queryFn: ({ pageParam }) => api.items({ runs: ids, step: step!, show, search: find, after: pageParam }),
    enabled: step !== undefined,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    placeholderData: keepPreviousData,
    meta: { runs: ids }
  })
  return { step, show, find, query, first: query.data?.pages[0] }
}

const SECTION = "items"

const Counts = ({ counts }: { readonly counts: NonNullable<ItemPage["counts"][number]> }) => (
  <>{(["worse", "improved", "changed", "added", "missing", "same"] as const).map((change) => counts[change] === 0 ? null : <ItemChangeMark key={change} change={change} count={counts[change]} />)}</>
)

/** In one line what became of the items, with the way to them. */
export const ItemsLine = ({ comparison, ids }: { readonly comparison: ComparisonJson; readonly ids: ReadonlyArray<string> }) => {
  const { first, step } = useItems(ids, mapsOf(comparison))
  if (step === undefined) return null
  const [, only] = first?.counts ?? []
  return (
    <p className="-mt-4 mb-5 flex min-h-7 flex-wrap items-center gap-x-4 text-small">
      <button type="button" className="min-h-6 text-accent underline" onClick={() => document.getElementById(SECTION)?.focus()}>Items of {step}</button>
      {ids.length === 2 && only !== null && only !== undefined ? <Counts counts={only} /> : null}
    </p>
  )
}

const Items = ({ ids, maps }: { readonly ids: ReadonlyArray<string>; readonly maps: ReadonlyArray<string> }) => {
  const navigate = useNavigate({ from: "/compare" })
  const { find, first, query: { data, error, fetchNextPage, hasNextPage, isFetchingNextPage }, show, step } = useItems(ids, maps)
  const set = (name: "step" | "items" | "find", value: string, none: string): void => void navigate({ search: (before) => ({ ...before, [name]: value === none ? undefined : value }), replace: true })
  const rows = data?.pages.flatMap(({ items }) => items) ?? []
  return (
    <Section title={`Items of ${step}`} aside={first === undefined ? undefined : `${formatNumber(first.total)} paired by what they were made of`}>
      {first === undefined ? null : (
        <ul className="mb-3 space-y-1 text-small">
          {first.counts.map((counts, at) => counts === null ? null : (
            <li key={at} className="flex flex-wrap gap-x-4">
              {ids.length > 2 ? <span className="font-semibold">{first.runs[at]}</span> : null}
              <Counts counts={counts} />
            </li>
          ))}
        </ul>
      )}
      <div className="mb-2 flex flex-wrap items-center gap-3 text-small text-soft">
        {maps.length < 2 ? null : <label>Step <select value={step} className={control} onChange={({ target }) => set("step", target.value, maps[0]!)}>{maps.map((one) => <option key={one}>{one}</option>)}</select></label>}
        <label>Show <select value={show} className={control} onChange={({ target }) => set("items", target.value, "differing")}>{Object.entries(shows).map(([one, text]) => <option key={one} value={one}>{text}</option>)}</select></label>
        <Search initial={find} onSearch={(text) => set("find", text, "")} />
        <span role="status">{first === undefined ? "" : `${formatNumber(first.found)} of ${formatNumber(first.total)}`}</span>
      </div>
      {error !== null ? <Failure error={error} /> : first === undefined ? <Loading rows={6} /> : rows.length === 0
        ? <p className="py-3 text-small text-soft">{first.total === 0 ? "No item was decided yet." : find === "" && show === "differing" ? "All items are the same in all runs." : "No item is like this."}</p>
        : (
          <div tabIndex={0} role="group" aria-label={`Items of ${step}`} className="relative overflow-x-auto">
            <table className="border-separate border-spacing-0 text-small">
              <thead>
                <tr>
                  <th scope="col" className="sticky left-0 z-10 bg-paper pb-1 pr-4 text-left font-normal text-soft">Item</th>
                  {first.runs.map((id) => <th key={id} scope="col" className="break-all pb-1 pl-5 text-left font-semibold">{id}</th>)}
                </tr>
              </thead>
              <tbody>{rows.map((item) => <ItemCells key={item.key} item={item} runs={first.runs} />)}</tbody>
            </table>
          </div>
        )}
      {first !== undefined && first.unread > 0 ? <p className="mt-2 text-small text-warning">{formatNumber(first.unread)} outputs are too large, too many or damaged: their scores were not compared.</p> : null}
      {hasNextPage ? <Button className="mt-2" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>Show more of {formatNumber(first?.found ?? 0)}</Button> : null}
    </Section>
  )
}

/** Nothing where no run has a map. */
export const RunItems = ({ comparison, ids }: { readonly comparison: ComparisonJson; readonly ids: ReadonlyArray<string> }) => {
  const maps = mapsOf(comparison)
  return maps.length === 0 ? null : <div id={SECTION} tabIndex={-1} className="mt-8"><Items ids={ids} maps={maps} /></div>
}
