/**
 * Which rows a search goes through.
 *
 * A database that has no statistics (SQLite) is told: when one of the conditions that must hold is met by few runs, those
 * are looked at and sorted. Otherwise the runs are gone through in the order asked for, along an index, until a page is
 * full; what has no value in that order comes after the rest, by a second statement. An order without an index is
 * sorted from all runs. What a condition of the plan lets through is checked again by the whole filter.
 */
import { Facts, type Filter, type FindQuery } from "@uniflow/core"
import type { SqlValue } from "../SqlDriver.ts"
import type { Dialect } from "./dialect.ts"
import { alone, Compiler, joined, type Sql } from "./finding.ts"
import { PREFIX } from "./summaries.ts"
import { text } from "./text.ts"

/** Runs that are few enough to be looked at one by one. */
export const FEW = 3000

/** Conditions that are counted at most. */
const COUNTED = 6

/** The conditions that every run of the answer meets. */
const required = (where: Filter.Filter | undefined): ReadonlyArray<Filter.Filter> =>
  where === undefined ? [] : where._tag === "And" ? where.filters.flatMap(required) : [where]

/** Runs by an index: `SELECT … AS run`, a superset of those that meet the condition. Undefined where no index helps. */
const source = (condition: Filter.Filter): Sql | undefined => {
  if (condition._tag === "In") {
    if (condition.negated || condition.values.length > 20) return undefined
    const all = condition.values.map((value) => source({ _tag: "Compare", field: condition.field, comparison: "=", value }))
    return all.length === 0 || all.includes(undefined) ? undefined : joined(all as ReadonlyArray<Sql>, " UNION ")
  }
  if (condition._tag !== "Compare" || condition.comparison === "!=") return undefined
  const { comparison, field, value } = condition
  const name = Facts.factName(field)
  if (name !== undefined) {
    if (typeof value !== "string") {
      return { sql: `SELECT run FROM facts INDEXED BY facts_by_number WHERE name = ? AND number IS NOT NULL AND number ${comparison} ?`, params: [name, Number(value)] }
    }
    if (comparison !== "=") return undefined
    return {
      sql: `SELECT run FROM facts INDEXED BY facts_by_text WHERE name = ? AND text IS NOT NULL AND substr(text, 1, ${PREFIX}) = substr(?, 1, ${PREFIX})`,
      params: [name, Facts.comparable(value)]
    }
  }
  if (field._tag === "Metric") {
    if (field.figure !== "last" || field.name.includes(".") || typeof value !== "number") return undefined
    return { sql: `SELECT run FROM metrics INDEXED BY metrics_by_last WHERE metric = ? AND last_value IS NOT NULL AND last_value ${comparison} ?`, params: [text(field.name), value] }
  }
  if (field._tag !== "Run") return undefined
  if (field.name === "created") return { sql: `SELECT key AS run FROM runs WHERE created_at_ms ${comparison} ?`, params: [value] as ReadonlyArray<SqlValue> }
  const column = field.name === "name" ? "id" : field.name
  return comparison === "=" && (column === "id" || column === "pipeline" || column === "experiment")
    ? { sql: `SELECT key AS run FROM runs WHERE ${column} = ?`, params: [text(String(value))] }
    : undefined
}

/** How many runs a source gives, up to `FEW`. */
export const countOf = ({ params, sql }: Sql): Sql => ({ sql: `SELECT count(*) FROM (SELECT 1 FROM (${sql}) LIMIT ${FEW})`, params })

/** The sources among which to choose by counting; none where the database plans by itself. */
export const sources = (dialect: Dialect, where: Filter.Filter | undefined): ReadonlyArray<Sql> =>
  dialect.walk === undefined ? [] : required(where).flatMap((condition) => source(condition) ?? []).slice(0, COUNTED)

const always: Sql = { sql: "TRUE", params: [] }

const select = (from: Sql, compiler: Compiler, conditions: ReadonlyArray<Sql>, order: ReadonlyArray<Filter.Order>, limit: number): Sql => {
  const by = compiler.order(order)
  return joined([
    { sql: "SELECT r.key FROM", params: [] },
    from,
    compiler.joins,
    { sql: "WHERE", params: [] },
    joined(conditions, " AND "),
    { sql: `ORDER BY ${by} LIMIT ?`, params: [BigInt(limit)] }
  ], " ")
}

type Asked = FindQuery & { readonly orderBy: ReadonlyArray<Filter.Order> }

/** Keys of the runs of a page, in their order, from a source or from all runs. */
export const general = (dialect: Dialect, query: Asked, from: Sql | undefined, withoutNumbers = false): Sql => {
  const compiler = new Compiler(dialect)
  const { after, limit, orderBy, where } = query
  const conditions = [
    where === undefined ? always : compiler.filter(where),
    ...(withoutNumbers ? [compiler.notNumber(orderBy[0]!.field)] : []),
    ...(after === undefined ? [] : [compiler.after(orderBy, after)])
  ]
  const runs: Sql = from === undefined
    ? { sql: "runs r", params: [] }
    : joined([{ sql: "(SELECT DISTINCT run FROM (", params: [] }, from, { sql: `)) picked ${dialect.walk ?? "JOIN"} runs r ON r.key = picked.run`, params: [] }], "")
  return select(runs, compiler, conditions, orderBy, limit)
}

/**
 * The same along the index of the only key's numbers, and whether there is one. Runs whose value is no number are not
 * among them: `general` with `withoutNumbers` gives those.
 */
export const along = (dialect: Dialect, query: Asked): Sql | undefined => {
  const [order, ...more] = query.orderBy
  if (dialect.walk === undefined || order === undefined || more.length > 0) return undefined
  const { direction, field } = order
  const name = Facts.factName(field)
  const isMetric = field._tag === "Metric" && field.figure === "last" && !field.name.includes(".")
  if (name === undefined && !isMetric) return undefined
  const place = query.after?.values[0]
  if (query.after !== undefined && (place === undefined || typeof place === "string")) return undefined
  const compiler = new Compiler(dialect)
  compiler.given(field, "w")
  const number = isMetric ? "w.last_value" : "w.number"
  const conditions: Array<Sql> = [
    isMetric
      ? { sql: `w.metric = ? AND w.last_value IS NOT NULL AND ${alone("w")}`, params: [text(field.name)] }
      : { sql: "w.name = ? AND w.number IS NOT NULL", params: [name!] },
    query.where === undefined ? always : compiler.filter(query.where)
  ]
  if (query.after !== undefined) {
    const sign = direction === "desc" ? "<" : ">"
    const id = text(query.after.id)
    conditions.push({ sql: `${number} ${sign}= ? AND (${number} ${sign} ? OR r.id ${sign} ?)`, params: [Number(place), Number(place), id] })
  }
  const way = direction === "desc" ? " DESC" : ""
  return joined([
    { sql: `SELECT r.key FROM ${isMetric ? "metrics w INDEXED BY metrics_by_last" : "facts w INDEXED BY facts_by_number"} ${dialect.walk} runs r ON r.key = w.run`, params: [] },
    compiler.joins,
    { sql: "WHERE", params: [] },
    joined(conditions, " AND "),
    { sql: `ORDER BY ${number}${way}, r.id${way} LIMIT ?`, params: [BigInt(query.limit)] }
  ], " ")
}
