/**
 * Which rows a search goes through, for a database that has no statistics to plan by (SQLite).
 *
 * Three ways, tried in this order:
 * 1. A condition that must hold is met by few runs: those are looked at and sorted.
 * 2. The runs that come first by the first key of the order, a bounded number of them: where many runs match, a page is full soon.
 * 3. All runs that meet the narrowest of the conditions that must hold, in the order in which their summaries are kept.
 * What a plan lets through is checked again by the whole filter, so none of them can change an answer.
 */
import { Facts, type Filter, type FindQuery, type StoreError } from "@uniflow/core"
import { Effect } from "effect"
import type { SqlValue } from "../SqlDriver.ts"
import type { Dialect } from "./dialect.ts"
import { alone, Compiler, joined, type Sql } from "./finding.ts"
import { PREFIX } from "./summaries.ts"
import { text } from "./text.ts"

/** Runs that are few enough to be looked at before anything else is tried. */
const FEW = 1000

/** So many are still taken from an index; more are found sooner by going through all values of the field, which stand together. */
const INDEXED = 10_000

/** Conditions that are counted at most. */
const COUNTED = 6

/** Rows that are gone through along an order: at first, and where that was promising. */
const BUDGETS = [2000, 20_000] as const

/** A statement that gives integers in one column. */
type Ask = (sql: Sql) => Effect.Effect<ReadonlyArray<number>, StoreError>

/** The conditions that every run of the answer meets. */
const required = (where: Filter.Filter | undefined): ReadonlyArray<Filter.Filter> =>
  where === undefined ? [] : where._tag === "And" ? where.filters.flatMap(required) : [where]

/** Runs that meet a condition, as `w JOIN runs r`, each once. */
interface Source {
  /** The field whose row is `w`; undefined where there is only `r`. */
  readonly field: Filter.Field | undefined
  /** By an index of the values, where there is one. */
  readonly index: { readonly from: string; readonly where: Sql } | undefined
  /** Through all values of the field. */
  readonly all: { readonly from: string; readonly where: Sql }
}

const listed = (comparison: string, values: ReadonlyArray<SqlValue>): Sql =>
  values.length === 1 ? { sql: `${comparison} ?`, params: values } : { sql: `IN (${values.map(() => "?").join(", ")})`, params: values }

/** The source of a condition; undefined where it narrows nothing. */
const sourceOf = (condition: Filter.Filter): Source | undefined => {
  if (condition._tag !== "Compare" && condition._tag !== "In" && condition._tag !== "Like") return undefined
  const { field } = condition
  const [comparison, values] = condition._tag === "Compare"
    ? [condition.comparison, [condition.value]] as const
    : condition._tag === "In" && !condition.negated
    ? ["=", condition.values] as const
    : ["like", []] as const
  const isNumeric = values.length > 0 && values.every((value) => typeof value !== "string") && comparison !== "!="
  const isText = values.length > 0 && values.every((value) => typeof value === "string") && comparison === "="
  const name = Facts.factName(field)
  if (name !== undefined) {
    const named: Sql = { sql: "w.name = ?", params: [name] }
    const all = { from: "facts w", where: isNumeric ? joined([named, joined([{ sql: "+w.number", params: [] }, listed(comparison, values.map(Number))], " ")], " AND ") : named }
    if (isNumeric) {
      const where = joined([named, { sql: "w.number IS NOT NULL", params: [] }, joined([{ sql: "w.number", params: [] }, listed(comparison, values.map(Number))], " ")], " AND ")
      return { field, index: { from: "facts w INDEXED BY facts_by_number", where }, all }
    }
    if (isText) {
      const texts = values.map((value) => Facts.comparable(String(value)))
      const where = joined([
        named,
        { sql: `w.text IS NOT NULL AND substr(w.text, 1, ${PREFIX}) IN (${texts.map(() => `substr(?, 1, ${PREFIX})`).join(", ")})`, params: texts }
      ], " AND ")
      return { field, index: { from: "facts w INDEXED BY facts_by_text", where }, all }
    }
    return { field, index: undefined, all }
  }
  if (field._tag === "Metric") {
    if (field.name.includes(".")) return undefined
    const named: Sql = { sql: `w.metric = ? AND ${alone("w")}`, params: [text(field.name)] }
    // The filter looks at the value again; here it is looked at before anything else is.
    const narrowed = isNumeric && field.figure !== "best" ? joined([{ sql: `+w.${field.figure}_value`, params: [] }, listed(comparison, values.map(Number))], " ") : undefined
    const all = { from: "metrics w", where: narrowed === undefined ? named : joined([{ sql: "w.metric = ?", params: [text(field.name)] }, narrowed, { sql: alone("w"), params: [] }], " AND ") }
    if (!isNumeric || field.figure !== "last") return { field, index: undefined, all }
    const where = joined([
      { sql: "w.metric = ? AND w.last_value IS NOT NULL", params: [text(field.name)] },
      joined([{ sql: "w.last_value", params: [] }, listed(comparison, values.map(Number))], " "),
      { sql: alone("w"), params: [] }
    ], " AND ")
    return { field, index: { from: "metrics w INDEXED BY metrics_by_last", where }, all }
  }
  if (field._tag !== "Run" || !isText) return undefined
  const column = field.name === "name" ? "id" : field.name
  if (column !== "id" && column !== "pipeline" && column !== "experiment") return undefined
  const own = { from: "runs r", where: joined([{ sql: `r.${column}`, params: [] }, listed("=", values.map((value) => text(String(value))))], " ") }
  return { field: undefined, index: own, all: own }
}

type Asked = FindQuery & { readonly orderBy: ReadonlyArray<Filter.Order> }

/** Keys of the runs of a page in their order, from a source or from all runs; `withoutNumbers`: those whose first key is no number. */
const sorted = (dialect: Dialect, query: Asked, source: Source | undefined, by: "index" | "all", withoutNumbers = false): Sql => {
  const { after, limit, orderBy, where } = query
  const rows = by === "index" ? source?.index ?? source?.all : source?.all
  const isField = source?.field !== undefined
  const compiler = new Compiler(dialect, isField ? "w.run" : "r.key")
  const conditions = [
    ...(where === undefined ? [] : [compiler.filter(where)]),
    ...(withoutNumbers ? [compiler.notNumber(orderBy[0]!.field)] : []),
    ...(after === undefined ? [] : [compiler.after(orderBy, after)]),
    ...(isField || rows === undefined ? [] : [rows.where]),
    { sql: "TRUE", params: [] }
  ]
  const order = compiler.order(orderBy)
  // In the order of their keys the runs' rows stand beside each other; the limit keeps SQLite from dropping that order.
  const from: Sql = isField && rows !== undefined
    ? joined([{ sql: `(SELECT w.run FROM ${rows.from} WHERE`, params: [] }, rows.where, { sql: `${by === "index" ? "ORDER BY w.run " : ""}LIMIT -1) w`, params: [] }], " ")
    : { sql: "runs r", params: [] }
  return joined([
    { sql: "SELECT r.key FROM", params: [] },
    from,
    compiler.joins,
    { sql: `${isField ? `${dialect.walk} runs r ON r.key = w.run ` : ""}WHERE`, params: [] },
    joined(conditions, " AND "),
    { sql: `ORDER BY ${order} LIMIT ?`, params: [BigInt(limit)] }
  ], " ")
}

const WALKED: { readonly [name: string]: string } = { created: "created_at_ms", started: "started_at_ms", ended: "ended_at_ms", duration: "ended_at_ms - started_at_ms" }

/** Where the numbers of a field stand: by an index where there is one, else all of them are gone through. */
const numbersOf = (field: Filter.Field): { readonly table: string; readonly run: string; readonly value: string; readonly where: Sql; readonly isMetric: boolean } | undefined => {
  const name = Facts.factName(field)
  if (name !== undefined) return { table: "facts INDEXED BY facts_by_number", run: "run", value: "number", where: { sql: "name = ?", params: [name] }, isMetric: false }
  if (field._tag === "Metric") {
    if (field.figure === "best" || field.name.includes(".")) return undefined
    const where: Sql = { sql: "metric = ?", params: [text(field.name)] }
    return { table: field.figure === "last" ? "metrics INDEXED BY metrics_by_last" : "metrics", run: "run", value: `${field.figure}_value`, where, isMetric: true }
  }
  const value = field._tag === "Run" && Object.hasOwn(WALKED, field.name) ? WALKED[field.name] : undefined
  return value === undefined ? undefined : { table: "runs", run: "key", value, where: { sql: "TRUE", params: [] }, isMetric: false }
}

/** The numbers of the first key in their order, from the query's place on; undefined where they cannot be gone through. */
const walkOf = (query: Asked) => {
  const [order] = query.orderBy
  if (order === undefined) return undefined
  const { direction, field } = order
  const numbers = numbersOf(field)
  const place = query.after?.values[0]
  if (numbers === undefined || (query.after !== undefined && (place === undefined || typeof place === "string"))) return undefined
  const { isMetric, run, table, value, where } = numbers
  const way = direction === "desc" ? " DESC" : ""
  const from = joined([
    { sql: `(SELECT ${run} AS run, ${value} AS value${isMetric ? ", metric, address" : ""} FROM ${table} WHERE`, params: [] },
    where,
    { sql: `AND ${value} IS NOT NULL`, params: [] },
    ...(place === undefined ? [] : [{ sql: `AND ${value} ${direction === "desc" ? "<=" : ">="} ?`, params: [Number(place)] }]),
    { sql: `ORDER BY ${value}${way} LIMIT ?)`, params: [] }
  ], " ")
  return {
    isIndexed: table !== "metrics" && (table !== "runs" || value === "created_at_ms"),
    /**
     * What a filter lets through within a budget, in order. Rows: key, whether the value is the one at which the budget ends,
     * and how many rows there are within it.
     */
    page: (dialect: Dialect, budget: number): Sql => {
      const compiler = new Compiler(dialect, "w.run")
      const conditions: Array<Sql> = [
        ...(isMetric ? [{ sql: alone("w"), params: [] }] : []),
        ...(query.where === undefined ? [] : [compiler.filter(query.where)]),
        ...(query.after === undefined ? [] : [compiler.after(query.orderBy, query.after)]),
        { sql: "TRUE", params: [] }
      ]
      // All of them have a number there, so that the rank says nothing.
      const rest = compiler.order(query.orderBy.slice(1), query.orderBy)
      return joined([
        { sql: "WITH walked AS MATERIALIZED", params: [] },
        { sql: from.sql, params: [...from.params, BigInt(budget)] },
        {
          sql: `SELECT r.key, w.value = (SELECT ${direction === "desc" ? "min" : "max"}(value) FROM walked), (SELECT count(*) FROM walked)
            FROM walked w`,
          params: []
        },
        compiler.joins,
        { sql: `${dialect.walk} runs r ON r.key = w.run WHERE`, params: [] },
        joined(conditions, " AND "),
        { sql: `ORDER BY w.value${way}, ${rest} LIMIT ?`, params: [BigInt(query.limit)] }
      ], " ")
    }
  }
}

/** Keys of the runs of a page, in their order. `rows` reads rows of numbers. */
export const keysOf = Effect.fnUntraced(function*(
  dialect: Dialect,
  query: Asked,
  rows: (sql: Sql) => Effect.Effect<ReadonlyArray<ReadonlyArray<number | null | undefined>>, StoreError>
): Effect.fn.Return<ReadonlyArray<number>, StoreError> {
  const keys: Ask = (sql) => Effect.map(rows(sql), (found) => found.map(([key]) => key!))
  if (dialect.walk === undefined) return yield* keys(sorted(dialect, query, undefined, "all"))
  const conditions = required(query.where)
  const sources = new Map(conditions.flatMap((condition) => {
    const source = sourceOf(condition)
    return source === undefined ? [] : [[condition, source] as const]
  }))
  const counts = new Map<Source, number>()
  const count = Effect.fnUntraced(function*(most: number) {
    for (const source of [...sources.values()].slice(0, COUNTED)) {
      if (source.index === undefined || (counts.get(source) ?? most) < FEW) continue
      const { from, where: { params, sql } } = source.index
      const [found = most] = yield* keys({ sql: `SELECT count(*) FROM (SELECT 1 FROM ${from} WHERE ${sql} LIMIT ${most})`, params })
      counts.set(source, found)
    }
    let narrowest: Source | undefined
    for (const [source, found] of counts) if (found < (narrowest === undefined ? most : counts.get(narrowest)!)) narrowest = source
    return narrowest
  })
  const few = yield* count(FEW)
  if (few !== undefined) return yield* keys(sorted(dialect, query, few, "index"))
  const narrow = yield* count(INDEXED)

  const walk = walkOf(query)
  if (walk !== undefined) {
    const [runs = 1] = yield* keys({ sql: "SELECT coalesce(max(key), 1) FROM runs", params: [] })
    // As if conditions had nothing to do with each other, and those that were not counted were met by half of the runs.
    const share = conditions.reduce((product, condition) => {
      const found = counts.get(sources.get(condition)!) ?? INDEXED
      return product * (found < INDEXED ? found / runs : 0.5)
    }, 1)
    const expected = query.limit / share
    for (const budget of expected > BUDGETS[1] || (expected > BUDGETS[0] && !walk.isIndexed) ? [] : walk.isIndexed ? BUDGETS : [BUDGETS[0]]) {
      const found = yield* rows(walk.page(dialect, budget))
      const isCut = found[0] === undefined || found[0][2] === budget
      // Others with the value at which the budget ends may lie beyond it.
      if (found.length === query.limit && (!isCut || found.at(-1)![1] !== 1)) return found.map(([key]) => key!)
      if (!isCut) {
        const first = found.map(([key]) => key!)
        return [...first, ...(yield* keys(sorted(dialect, { ...query, after: undefined, limit: query.limit - first.length }, undefined, "all", true)))]
      }
      if (found.length * (BUDGETS[1] / BUDGETS[0]) < query.limit) break
    }
  }
  return yield* keys(narrow === undefined ? sorted(dialect, query, goneThrough(sources), "all") : sorted(dialect, query, narrow, "index"))
})

/** Where nothing is known to be narrow: a condition that is checked while its values are gone through, before others are looked up. */
const goneThrough = (sources: ReadonlyMap<Filter.Filter, Source>): Source | undefined => {
  const all = [...sources.values()]
  return all.find(({ all: { where }, field }) => field !== undefined && where.params.length > 1) ?? all[0]
}
