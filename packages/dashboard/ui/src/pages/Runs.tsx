/** Runs of one experiment or of all: curves above, the table below, one selection. What is looked at stands in the address. */
import { Popover } from "@base-ui/react/popover"
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { getRouteApi, Link } from "@tanstack/react-router"
import { formatCount, formatNumber } from "@uniflow/compare"
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react"
import { api, type RunRow } from "../api.ts"
import type { RunsSearch } from "../App.tsx"
import { Choice } from "../parts/Choice.tsx"
import { exportCsv } from "../parts/exportCsv.ts"
import { curveMetrics, isRowField, isSortable, rowFields, splitFields, valueOf } from "../parts/fields.ts"
import { FilterBar } from "../parts/FilterBar.tsx"
import { FilterChips } from "../parts/FilterChips.tsx"
import { GroupTable } from "../parts/GroupTable.tsx"
import { PictureKind } from "../parts/PictureKind.tsx"
import { remember, remembered, useHiddenRuns } from "../parts/runLook.ts"
import type { Sort } from "../parts/ColumnHeader.tsx"
import type { Change } from "../parts/RunCell.tsx"
import { RunsTable } from "../parts/RunsTable.tsx"
import { type SearchChange, useArrangement, useNamedViews } from "../parts/runsView.ts"
import { Empty, Failure, Loading } from "../parts/States.tsx"
import { useTitle } from "../parts/title.ts"
import { ViewsMenu } from "../parts/ViewsMenu.tsx"

const Charts = lazy(() => import("../parts/Charts.tsx").then((module) => ({ default: module.Charts })))
const AcrossRuns = lazy(() => import("../parts/AcrossRuns.tsx").then((module) => ({ default: module.AcrossRuns })))

const PAGE = 100
/** So many of the newest are drawn where none is selected. */
const NEWEST = 10
const MOST_DRAWN = 20
const DEFAULT_CHARTS = 4

const route = getRouteApi("/runs")

const sortOf = (text: string | undefined): Sort | undefined => {
  const [, field, direction] = /^(.*?)(?:\s+(asc|desc))?$/s.exec(text ?? "") ?? []
  return field === undefined || field === "" ? undefined : { field, direction: direction === "desc" ? "desc" : "asc" }
}

const button = "rounded border border-line bg-paper px-2.5 py-1 hover:bg-band disabled:opacity-50 disabled:hover:bg-paper"

export const Runs = () => {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const client = useQueryClient()
  const { experiment, group, where } = search
  useTitle(experiment ?? "Runs")
  const change = useCallback((next: SearchChange) => {
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...next }).filter(([, value]) => value !== undefined && value !== "")) as RunsSearch, replace: true, resetScroll: false })
  }, [navigate])

  const fields = useQuery({ queryKey: ["fields", experiment], queryFn: () => api.fields(experiment), placeholderData: keepPreviousData })
  // Of thousands of metrics the list has some: the others come when they are searched for.
  const [fieldSearch, setSearch] = useState("")
  const searched = useQuery({ queryKey: ["fields", experiment, fieldSearch], queryFn: () => api.fields(experiment, fieldSearch), enabled: fields.data?.truncated === true && fieldSearch !== "", placeholderData: keepPreviousData })
  const experiments = useQuery({ queryKey: ["experiments"], queryFn: api.experiments, staleTime: 10_000 })
  const { choose, columns, hide, move, pin: pinColumn, pinned, reset, resize, widths } = useArrangement(search, fields.isPlaceholderData ? undefined : fields.data, change)
  const views = useNamedViews(search, (next) => void navigate({ search: next, replace: true, resetScroll: false }))
  const sort = sortOf(search.sort)
  const selected = useMemo(() => new Set(splitFields(search.selected)), [search.selected])
  const goals = useMemo(() => new Map((fields.data?.fields ?? []).flatMap(({ field, goal }) => (goal === null ? [] : [[field, goal] as const]))), [fields.data])

  const asked = useMemo(() => ({ experiment, where, orderBy: search.sort, select: columns?.filter((field) => !isRowField(field) && !field.startsWith("tags.")).join(",") }), [experiment, where, search.sort, columns])
  const runs = useInfiniteQuery({
    queryKey: ["runs", asked],
    queryFn: ({ pageParam }) => api.runs({ ...asked, after: pageParam, limit: PAGE }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    enabled: columns !== undefined,
    placeholderData: keepPreviousData
  })
  const rows = useMemo(() => {
    // While pages are asked for again, a run may have moved into one that is there already.
    const seen = new Map<string, RunRow>()
    for (const page of runs.data?.pages ?? []) for (const row of page.runs) if (!seen.has(row.id)) seen.set(row.id, row)
    return [...seen.values()]
  }, [runs.data])
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = runs
  const more = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage()
  }, [fetchNextPage, isFetchingNextPage])

  // Selected runs may be on no page that is loaded.
  const unseen = useMemo(() => {
    const loaded = new Set(rows.map(({ id }) => id))
    return [...selected].filter((id) => !loaded.has(id)).slice(0, 100)
  }, [rows, selected])
  const others = useQuery({
    queryKey: ["runs", "selected", unseen],
    queryFn: () => api.runs({ where: `run.id in (${unseen.map((id) => JSON.stringify(id)).join(", ")})`, limit: 100 }),
    enabled: unseen.length > 0 && runs.data !== undefined,
    placeholderData: keepPreviousData
  })
  const chosenRows = [...rows, ...others.data?.runs ?? []].filter(({ id }) => selected.has(id))
  const hidden = useHiddenRuns()
  const candidates = selected.size > 0 ? chosenRows.slice(0, MOST_DRAWN) : rows.slice(0, NEWEST)
  const drawnRows = candidates.filter(({ id }) => !hidden.has(id))
  const drawn = new Set(drawnRows.map(({ id }) => id))

  const annotate = useMutation({
    mutationFn: ({ id, ...what }: Change & { readonly id: string }) => api.annotate(id, what),
    onSettled: () => client.invalidateQueries({ queryKey: ["runs"] })
  })
  const pin = useMutation({ mutationFn: api.pin, onSettled: () => client.invalidateQueries({ queryKey: ["experiments"] }) })
  const cancel = useMutation({
    mutationFn: (ids: ReadonlyArray<string>) => Promise.all(ids.map((id) => api.cancel(id))),
    onSettled: () => client.invalidateQueries({ queryKey: ["runs"] })
  })
  const problem = annotate.error ?? pin.error ?? cancel.error

  const select = (ids: ReadonlyArray<string>, on: boolean): void => {
    const next = on ? new Set([...selected, ...ids]) : new Set([...selected].filter((id) => !ids.includes(id)))
    change({ selected: [...next].slice(0, 500).join(",") })
  }
  const sortBy = (field: string): void => {
    if (!isSortable(field)) return
    const first = goals.get(field) === "maximize" || field === "run.started" || field === "run.created" ? "desc" : "asc"
    const second = first === "desc" ? "asc" : "desc"
    const next = sort?.field !== field ? first : sort.direction === first ? second : undefined
    change({ sort: next === undefined ? undefined : `${field} ${next}` })
  }

  const [exported, setExported] = useState<string>()
  const exporting = useRef<AbortController>(null)
  const toCsv = async (): Promise<void> => {
    exporting.current?.abort()
    const controller = exporting.current = new AbortController()
    try {
      await exportCsv(experiment ?? "runs", asked, columns ?? [], (count) => setExported(`${formatCount(count, "run")} exported`), controller.signal)
    } catch (error) {
      setExported(error instanceof Error ? error.message : String(error))
    }
  }
  useEffect(() => () => exporting.current?.abort(), [])

  const curves = useMemo(() => fields.data === undefined ? [] : curveMetrics(fields.data), [fields.data])
  const chartsKey = `uniflow.chosenCharts.${experiment ?? ""}`
  const lastCharts = useMemo(() => remembered("localStorage", chartsKey), [chartsKey])
  const chosenCharts = search.charts ?? (typeof lastCharts === "string" ? lastCharts : undefined)
  const settings = {
    metrics: chosenCharts === undefined ? curves.slice(0, DEFAULT_CHARTS) : chosenCharts === "none" ? [] : splitFields(chosenCharts),
    along: search.x === "relative" || search.x === "time" ? search.x : "index" as "relative" | "time" | "index",
    log: search.log === "1",
    smooth: Math.min(0.99, Math.max(0, Number(search.smooth) || 0))
  }
  const keepCharts = (metrics: ReadonlyArray<string>): string => {
    const text = metrics.length === 0 ? "none" : metrics.join(",")
    remember("localStorage", chartsKey, text)
    return text
  }
  // What was drawn here last is waited for with its height, so that nothing jumps.
  const heightKey = `uniflow.charts.${experiment ?? ""}`
  const charts = useRef<HTMLDivElement>(null)
  const [expected] = useState(() => Number(remembered("sessionStorage", heightKey)) || 300)
  useEffect(() => {
    const height = charts.current?.offsetHeight ?? 0
    if (fields.data !== undefined && curves.length > 0 && height > 0) remember("sessionStorage", heightKey, height)
  })

  const valuesOf = useCallback((field: string): ReadonlyArray<string> => {
    const values = new Set(rows.flatMap((row) => {
      const value = valueOf(row, field)
      return typeof value === "string" || typeof value === "number" && field !== "run.started" && field !== "run.created" && field !== "run.duration" || typeof value === "boolean" ? [JSON.stringify(value)] : []
    }))
    return [...values].slice(0, 50)
  }, [rows])
  const names = useMemo(() => [...new Set([...fields.data?.fields ?? [], ...searched.data?.fields ?? []].map(({ field }) => field))], [fields.data, searched.data])
  const groupable = useMemo(() => ["", ...(fields.data?.fields ?? []).filter(({ field, varies }) => varies && !field.startsWith("metrics.")).map(({ field }) => field), "run.pipeline", "run.experiment", "run.git.branch"], [fields.data])
  const baselines = useMemo(() => new Set(experiments.data?.experiments.flatMap(({ baseline }) => baseline?.id ?? [])), [experiments.data])
  const comparable = selected.size >= 2 && selected.size <= 20
  const under = chosenRows.filter(({ status }) => status === "running" || status === "pending")
  const all = useMemo(() => [...new Set([...rowFields, ...names])], [names])

  return (
    <>
      <h1 className="sr-only">{experiment === undefined ? "Runs of all experiments" : `Runs of ${experiment}`}</h1>
      <div className="mb-3 flex flex-col items-start gap-x-6 gap-y-1 sm:flex-row sm:items-center sm:justify-between">
        <select
          aria-label="Experiment"
          className="-ml-1 max-w-full shrink-0 rounded bg-paper py-1 pr-2 text-title font-semibold"
          value={experiment ?? ""}
          onChange={(event) => void navigate({ search: event.target.value === "" ? {} : { experiment: event.target.value } })}
        >
          <option value="">All experiments</option>
          {[...new Set([...experiment === undefined ? [] : [experiment], ...experiments.data?.experiments.map((one) => one.experiment) ?? []])].map((name) => <option key={name}>{name}</option>)}
        </select>
        <FilterChips where={where ?? ""} columns={columns ?? []} rows={rows} onApply={(text) => change({ where: text })} />
      </div>
      <div className="mb-4"><FilterBar value={where ?? ""} fields={names} valuesOf={valuesOf} onApply={(text) => change({ where: text })} /></div>

      <div ref={charts}>
        {fields.data === undefined || fields.data.fields.length === 0 ? null : <PictureKind value={search.across ?? ""} onChange={(across) => change({ across })} />}
        {search.across !== undefined && fields.data !== undefined ? (
          <Suspense fallback={<div style={{ height: expected }} />}>
            <section aria-label="Across runs" className="mb-5">
              <AcrossRuns experiment={experiment} where={where} changedAtMs={runs.dataUpdatedAt} list={fields.data} names={names} onSearch={setSearch} settings={search} onChange={change} selected={selected} onSelect={select} onFilter={(text) => change({ where: text })} />
            </section>
          </Suspense>
        ) : fields.data !== undefined && curves.length === 0 ? null : (
          <Suspense fallback={<div style={{ height: expected }} />}>
            {fields.data === undefined || runs.data === undefined && runs.error === null ? <div style={{ height: expected }} aria-busy="true" /> : (
              <Charts
                runs={drawnRows}
                all={curves.map((name) => ({ name, goal: goals.get(`metrics.${name}`) ?? null }))}
                settings={settings}
                which={selected.size > 0 ? `${formatCount(drawnRows.length, "selected run")}${chosenRows.length > MOST_DRAWN ? ` of ${chosenRows.length}` : ""}` : sort === undefined ? `the newest ${formatCount(drawnRows.length, "run")}` : `the first ${formatCount(drawnRows.length, "run")}`}
                onChange={(next) => change({
                  ...next.metrics === undefined ? {} : { charts: keepCharts(next.metrics) },
                  ...next.along === undefined ? {} : { x: next.along === "index" ? undefined : next.along },
                  ...next.log === undefined ? {} : { log: next.log ? "1" : undefined },
                  ...next.smooth === undefined ? {} : { smooth: next.smooth === 0 ? undefined : String(next.smooth) }
                })}
              />
            )}
          </Suspense>
        )}
      </div>

      <div className="mb-2 flex flex-wrap items-center gap-2 text-small">
        {comparable
          ? <Link to="/compare" search={{ runs: [...selected].join(",") }} className="rounded border border-accent bg-accent px-2.5 py-1 font-semibold text-paper no-underline">Compare {formatNumber(selected.size)}</Link>
          : <button type="button" disabled className={button} title="Select 2 to 20 runs">Compare</button>}
        <button type="button" className={button} disabled={selected.size !== 1 || pin.isPending} title="Select one run" onClick={() => pin.mutate([...selected][0]!)}>Pin as baseline</button>
        <button type="button" className={button} disabled={under.length === 0 || cancel.isPending} title="Asks selected runs that are under way to stop; they can be resumed" onClick={() => cancel.mutate(under.map(({ id }) => id))}>Cancel</button>
        <span className="text-soft" role="status">
          {selected.size > 0 ? <>{formatNumber(selected.size)} selected <button type="button" className="underline" onClick={() => change({ selected: undefined })}>none</button></> : runs.data === undefined ? "" : `${formatCount(rows.length, "run")}${hasNextPage ? " loaded, more below" : ""}`}
          {exported === undefined ? "" : ` · ${exported}`}
        </span>
        <span className="ml-auto flex flex-wrap items-center gap-2">
          <label className="flex items-center gap-1.5">
            <span className="text-soft">Group by</span>
            <select className="max-w-44 rounded border border-line bg-paper px-2 py-1" value={group ?? ""} onChange={(event) => change({ group: event.target.value })}>
              {[...new Set([...groupable, ...group === undefined ? [] : [group]])].map((field) => <option key={field} value={field}>{field === "" ? "nothing" : field}</option>)}
            </select>
          </label>
          <ViewsMenu views={views} className={button} />
          <Popover.Root>
            <Popover.Trigger className={button} disabled={columns === undefined}>Columns</Popover.Trigger>
            <Choice label="Columns" all={all} chosen={columns ?? []} onChange={choose} onReset={reset} onSearch={setSearch} />
          </Popover.Root>
          <button type="button" className={button} disabled={columns === undefined} onClick={() => void toCsv()}>CSV</button>
        </span>
      </div>
      {problem === null ? null : <div className="mb-2"><Failure error={problem} /></div>}

      {group !== undefined ? <GroupTable experiment={experiment} where={where} groupBy={group} />
        : runs.error ?? fields.error ? <Failure error={runs.error ?? fields.error} />
        : columns === undefined || runs.data === undefined ? <Loading rows={10} />
        : rows.length === 0
        ? (
          <Empty title={where === undefined ? "No runs yet" : "No run matches the filter"}>
            {where === undefined ? <Link to="/">How to make the first one</Link> : <button type="button" className="underline" onClick={() => change({ where: undefined })}>Show all runs</button>}
          </Empty>
        )
        : (
          <RunsTable
            rows={rows}
            columns={columns}
            widths={widths}
            sort={sort}
            goals={goals}
            selected={selected}
            drawn={drawn}
            baselines={baselines}
            hasMore={hasNextPage}
            onMore={more}
            onSort={sortBy}
            pinned={pinned}
            where={where ?? ""}
            onWidth={resize}
            onMove={move}
            onPin={pinColumn}
            onHide={hide}
            onSortBy={(field, direction) => change({ sort: `${field} ${direction}` })}
            onFilter={(text) => change({ where: text })}
            onSelect={select}
            onChange={(run, what) => annotate.mutate({ id: run.id, ...what })}
          />
        )}
    </>
  )
}
