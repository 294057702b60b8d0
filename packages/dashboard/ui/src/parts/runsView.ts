/**
 * How somebody looks at the runs of an experiment: the columns, their order, widths and pins, and views that have a name.
 *
 * All of it stands in the address, as texts. The arrangement of the table is remembered for each experiment in this browser besides, and comes back where an address says nothing
 * of it; named views are kept there, too, and hold the filter, the order and the charts as well.
 */
import { useCallback, useEffect, useMemo, useState } from "react"
import type { FieldList } from "../api.ts"
import type { RunsSearch } from "../App.tsx"
import { defaultColumns, splitFields } from "./fields.ts"
import { remember, remembered } from "./runLook.ts"

/** More columns are not asked for. */
export const MOST_COLUMNS = 200
const MOST_VIEWS = 50

type Texts = { readonly [name: string]: string }
export type SearchChange = { readonly [K in keyof RunsSearch]: string | undefined }

export interface NamedView {
  readonly name: string
  readonly search: Texts
}

const textsOf = (value: unknown): Texts =>
  typeof value !== "object" || value === null ? {} : Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"))

const arrangementKey = (experiment: string | undefined): string => `uniflow.view.${experiment ?? ""}`
const viewsKey = (experiment: string | undefined): string => `uniflow.views.${experiment ?? ""}`

const arrangementOf = (experiment: string | undefined): Pick<RunsSearch, "columns" | "pinned" | "widths"> => {
  const { columns, pinned, widths } = textsOf(remembered("localStorage", arrangementKey(experiment)))
  return { ...columns === undefined ? {} : { columns }, ...pinned === undefined ? {} : { pinned }, ...widths === undefined ? {} : { widths } }
}

/** Widths as the address has them: `run.status:140,params.rate:90`. */
const widthsOf = (text: string | undefined): { readonly [field: string]: number } =>
  Object.fromEntries(splitFields(text).flatMap((entry) => {
    const [, field, width] = /^(.+):(\d{2,3})$/s.exec(entry) ?? []
    return field === undefined ? [] : [[field, Number(width)] as const]
  }))

/** A view is all of the address but whose runs they are and which are selected. */
const contentOf = ({ experiment: _, selected: __, view: ___, ...rest }: RunsSearch): Texts => textsOf(rest)
const same = (a: Texts, b: Texts): boolean => Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value)

/** The columns of the table: in their order, those that are pinned first. */
export const useArrangement = (search: RunsSearch, fields: FieldList | undefined, change: (next: SearchChange) => void) => {
  const { experiment } = search
  const kept = useMemo(() => arrangementOf(experiment), [experiment])
  const silent = search.columns === undefined && search.pinned === undefined && search.widths === undefined
  useEffect(() => {
    // Once per experiment: what is remembered comes into the address, which then says all.
    if (silent && Object.keys(kept).length > 0) change(kept)
  }, [kept])
  const shown = silent ? kept : search

  // What varies may change with a new run: the columns that stand there stay, others come after them.
  const [defaults, setDefaults] = useState<{ readonly experiment: string | undefined; readonly columns: ReadonlyArray<string> }>()
  const fresh = useMemo(() => (fields === undefined || fields.fields.length === 0 ? undefined : defaultColumns(fields, experiment === undefined)), [fields, experiment])
  const stands = defaults?.experiment === experiment ? defaults?.columns : undefined
  const merged = fresh === undefined ? stands : stands === undefined ? fresh : [...stands, ...fresh.filter((field) => !stands.includes(field))]
  if (merged !== undefined && merged.length !== stands?.length) setDefaults({ experiment, columns: merged })
  const usual = merged ?? (fields === undefined ? undefined : defaultColumns(fields, experiment === undefined))

  const chosen = useMemo(() => (shown.columns === undefined ? usual : splitFields(shown.columns).slice(0, MOST_COLUMNS)), [shown.columns, usual])
  const pinned = useMemo(() => splitFields(shown.pinned), [shown.pinned])
  const widths = useMemo(() => widthsOf(shown.widths), [shown.widths])
  const columns = useMemo(() => (chosen === undefined ? undefined : [...chosen.filter((field) => pinned.includes(field)), ...chosen.filter((field) => !pinned.includes(field))]), [chosen, pinned])

  const arrange = (next: Pick<SearchChange, "columns" | "pinned" | "widths">): void => {
    const all = { ...shown.columns === undefined ? {} : { columns: shown.columns }, ...shown.pinned === undefined ? {} : { pinned: shown.pinned }, ...shown.widths === undefined ? {} : { widths: shown.widths }, ...next }
    remember("localStorage", arrangementKey(experiment), all)
    change(all)
  }
  return {
    columns,
    pinned,
    widths,
    choose: (next: ReadonlyArray<string>): void => arrange({ columns: next.slice(0, MOST_COLUMNS).join(",") }),
    reset: (): void => arrange({ columns: undefined, pinned: undefined, widths: undefined }),
    pin: (field: string, on: boolean): void => arrange({ columns: columns?.join(","), pinned: (on ? [...pinned.filter((one) => one !== field), field] : pinned.filter((one) => one !== field)).join(",") || undefined }),
    resize: (field: string, width: number): void => arrange({ widths: Object.entries({ ...widths, [field]: Math.round(width) }).map(([name, size]) => `${name}:${size}`).join(",") }),
    hide: (field: string): void => arrange({ columns: columns?.filter((one) => one !== field).join(",") }),
    /** Puts a column where another one stands; over the edge of the pinned ones it is pinned, or no longer. */
    move: (field: string, to: string): void => {
      if (columns === undefined || field === to) return
      const at = columns.indexOf(to)
      const next = columns.filter((one) => one !== field).toSpliced(at, 0, field)
      const on = pinned.includes(to)
      arrange({ columns: next.join(","), pinned: (on === pinned.includes(field) ? pinned : on ? [...pinned, field] : pinned.filter((one) => one !== field)).join(",") || undefined })
    }
  }
}

/** The views of an experiment that have a name. */
export const useNamedViews = (search: RunsSearch, open: (search: RunsSearch) => void) => {
  const { experiment } = search
  const read = useCallback((): ReadonlyArray<NamedView> => {
    const value = remembered("localStorage", viewsKey(experiment))
    return (Array.isArray(value) ? value : []).flatMap((one: unknown) => {
      const { name, search: content } = (typeof one === "object" && one !== null ? one : {}) as { readonly name?: unknown; readonly search?: unknown }
      return typeof name === "string" ? [{ name, search: textsOf(content) }] : []
    })
  }, [experiment])
  const [views, setViews] = useState(read)
  useEffect(() => setViews(read()), [read])
  const keep = (change: (views: ReadonlyArray<NamedView>) => ReadonlyArray<NamedView>): void => {
    // Another tab may have saved one meanwhile.
    const next = change(read()).slice(0, MOST_VIEWS)
    remember("localStorage", viewsKey(experiment), next)
    setViews(next)
  }
  const content = contentOf(search)
  const current = views.find(({ name }) => name === search.view)
  const named = (name: string, kept: Texts): RunsSearch => ({ ...experiment === undefined ? {} : { experiment }, ...kept, view: name })
  const { view: _, ...unnamed } = search
  return {
    views,
    current,
    changed: current !== undefined && !same(current.search, content),
    choose: (view: NamedView): void => open(named(view.name, view.search)),
    save: (name: string): void => {
      keep((all) => [...all.filter((one) => one.name !== name), { name, search: content }].toSorted((a, b) => (a.name < b.name ? -1 : 1)))
      open({ ...search, view: name })
    },
    rename: (from: string, to: string): void => {
      keep((all) => [...all.filter(({ name }) => name !== to && name !== from), ...all.filter(({ name }) => name === from).map((one) => ({ ...one, name: to }))].toSorted((a, b) => (a.name < b.name ? -1 : 1)))
      if (search.view === from) open({ ...search, view: to })
    },
    remove: (name: string): void => {
      keep((all) => all.filter((one) => one.name !== name))
      if (search.view === name) open(unnamed)
    }
  }
}
