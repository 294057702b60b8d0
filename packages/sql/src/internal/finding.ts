/**
 * Filters and orders as SQL with bound parameters.
 *
 * Each field that is looked at is one LEFT JOIN of the run with one row of its summaries. No condition is written so
 * that a planner could turn that join around: which rows are gone through is chosen by `findPlan.ts`.
 */
import { Facts, Filter, LikePattern, type SortKey } from "@uniflow/core"
import type { SqlValue } from "../SqlDriver.ts"
import type { Dialect } from "./dialect.ts"
import { KIND } from "./summaries.ts"
import { text } from "./text.ts"

/** SQL with its parameters. */
export interface Sql {
  readonly sql: string
  readonly params: ReadonlyArray<SqlValue>
}

const FALSE: Sql = { sql: "FALSE", params: [] }

export const joined = (parts: ReadonlyArray<Sql>, separator: string): Sql => ({
  sql: parts.map(({ sql }) => sql).join(separator),
  params: parts.flatMap(({ params }) => params)
})

/** A field's value in SQL. */
interface Column {
  /** Whether the run has the field. */
  readonly present: string
  /** The value as a number; NULL where it is none. */
  readonly number?: string
  readonly boolean?: string
  readonly text?: string
  /** Whether it can be compared at all. */
  readonly comparable: string
  /** For sorting: 0 for numbers, 1 for text, 2 for what comes last; undefined where it is always there. */
  readonly rank: string | undefined
  /** Whether it is a name, which the tables keep in their own way. */
  readonly isName?: boolean
}

const RUN_TEXTS: { readonly [name: string]: string } = {
  id: "r.id", name: "r.id", pipeline: "r.pipeline", experiment: "r.experiment", status: "r.status", parent: "r.parent", failedStep: "r.failed_step"
}
const RUN_NUMBERS: { readonly [name: string]: string } = {
  created: "r.created_at_ms", started: "r.started_at_ms", ended: "r.ended_at_ms", duration: "(r.ended_at_ms - r.started_at_ms)", seed: "r.seed", attempts: "r.attempts"
}
const NULLABLE: ReadonlySet<string> = new Set(["parent", "failedStep", "ended", "duration"])

/** Where a metric's name may be cut into an address and a key, shortest address first. */
export const splits = (name: string): ReadonlyArray<readonly [address: string, key: string]> =>
  [...name.matchAll(/\./g)].map(({ index }) => [name.slice(0, index), name.slice(index + 1)] as const)

/** Whether no other step of the run has the metric of a row of `metrics`. */
export const alone = (alias: string): string =>
  `NOT EXISTS (SELECT 1 FROM metrics o WHERE o.metric = ${alias}.metric AND o.run = ${alias}.run AND o.address <> ${alias}.address)`

/** Compiles one query: joins are gathered as fields are met. */
export class Compiler {
  private readonly columns = new Map<string, Column>()
  private readonly joinList: Array<Sql> = []

  private readonly dialect: Dialect
  private readonly run: string

  /** `run`: the key of the run, in a table before the joins. */
  constructor(dialect: Dialect, run = "r.key") {
    this.dialect = dialect
    this.run = run
  }

  /** The joins of all fields met so far. */
  get joins(): Sql {
    return joined(this.joinList, "\n")
  }

  private join(table: string, key: string, value: string, more = "", params: ReadonlyArray<SqlValue> = []): string {
    const alias = `j${this.joinList.length}`
    this.joinList.push({
      sql: `LEFT JOIN ${table} ${alias} ON ${alias}.${key} = ? AND ${alias}.run = ${this.run}${more.replaceAll("@", alias)}`,
      params: [value, ...params]
    })
    return alias
  }

  private fact(alias: string): Column {
    return {
      present: `${alias}.run IS NOT NULL`,
      number: `CASE WHEN ${alias}.kind = ${KIND.number} THEN ${alias}.number END`,
      boolean: `CASE WHEN ${alias}.kind = ${KIND.boolean} THEN ${alias}.number END`,
      text: `${alias}.text`,
      comparable: `${alias}.kind <> ${KIND.other}`,
      rank: `CASE WHEN ${alias}.kind <= ${KIND.boolean} THEN 0 WHEN ${alias}.kind = ${KIND.text} THEN 1 ELSE 2 END`
    }
  }

  /** Of several rows the first that is there. */
  private metric(aliases: ReadonlyArray<string>, figure: Filter.MetricFigure): Column {
    const present = aliases.map((alias) => `${alias}.run IS NOT NULL`).join(" OR ")
    const pick = (of: (alias: string) => string): string =>
      aliases.length === 1 ? of(aliases[0]!) : `CASE ${aliases.map((alias) => `WHEN ${alias}.run IS NOT NULL THEN ${of(alias)}`).join(" ")} END`
    if (figure !== "best") {
      const number = pick((alias) => `${alias}.${figure}_value`)
      return { present: `(${present})`, number, comparable: `${number} IS NOT NULL`, rank: `CASE WHEN ${number} IS NULL THEN 2 ELSE 0 END` }
    }
    const goal = pick((alias) => `coalesce(${this.dialect.member("r.goals", `${alias}.address || '.' || ${alias}.metric`)}, ${this.dialect.member("r.goals", `${alias}.metric`)})`)
    const number = pick((alias) => `CASE ${goal} WHEN 'maximize' THEN ${alias}.max_value WHEN 'minimize' THEN ${alias}.min_value END`)
    return { present: `((${present}) AND ${goal} IS NOT NULL)`, number, comparable: `${number} IS NOT NULL`, rank: `CASE WHEN ${number} IS NULL THEN 2 ELSE 0 END` }
  }

  private column(field: Filter.Field): Column {
    const id = Filter.fieldText(field)
    const known = this.columns.get(id)
    if (known !== undefined) return known
    const column = this.made(field)
    this.columns.set(id, column)
    return column
  }

  private made(field: Filter.Field): Column {
    const name = Facts.factName(field)
    if (name !== undefined) return this.fact(this.join("facts", "name", name))
    if (field._tag === "Metric") {
      const full = splits(field.name).map(([address, key]) => this.join("metrics", "metric", text(key), " AND @.address = ?", [text(address)]))
      const bare = this.join("metrics", "metric", text(field.name), ` AND ${alone("@")}`)
      return this.metric([...full, bare], field.figure)
    }
    const own = field._tag === "Run" ? field.name : ""
    const isText = Object.hasOwn(RUN_TEXTS, own)
    const sql = (isText ? RUN_TEXTS : RUN_NUMBERS)[own]!
    const present = NULLABLE.has(own) ? `${sql} IS NOT NULL` : "TRUE"
    const rank = NULLABLE.has(own) ? `CASE WHEN ${sql} IS NULL THEN 2 ELSE ${isText ? 1 : 0} END` : undefined
    return isText ? { present, text: sql, comparable: present, rank, isName: true } : { present, number: sql, comparable: present, rank }
  }

  /** The condition of a filter: TRUE or FALSE, never NULL. */
  filter(filter: Filter.Filter): Sql {
    switch (filter._tag) {
      case "And":
      case "Or":
        if (filter.filters.length === 0) return { sql: filter._tag === "And" ? "TRUE" : "FALSE", params: [] }
        return wrapped(joined(filter.filters.map((one) => this.filter(one)), filter._tag === "And" ? " AND " : " OR "))
      case "Not": {
        const { params, sql } = this.filter(filter.filter)
        return { sql: `NOT ${sql}`, params }
      }
      case "IsNull":
        return { sql: `(NOT ${wrapped({ sql: this.column(filter.field).present, params: [] }).sql})`, params: [] }
      case "IsNaN": {
        const { comparable, present } = this.column(filter.field)
        return filter.field._tag === "Metric" ? { sql: `(${present} AND NOT (${comparable}))`, params: [] } : FALSE
      }
      case "Compare":
        return this.compare(filter.field, filter.comparison, filter.value)
      case "In": {
        const any = wrapped(joined(filter.values.length === 0 ? [FALSE] : filter.values.map((value) => this.compare(filter.field, "=", value)), " OR "))
        return filter.negated ? { sql: `(coalesce(${this.column(filter.field).comparable}, FALSE) AND NOT ${any.sql})`, params: any.params } : any
      }
      case "Like": {
        const { text: column } = this.column(filter.field)
        if (column === undefined) return FALSE
        const like = this.dialect.like(column)
        return {
          sql: `coalesce(${filter.negated ? `NOT (${like})` : like}, FALSE)`,
          params: [this.dialect.pattern(LikePattern.piecesOf(filter.pattern))]
        }
      }
    }
  }

  private compare(field: Filter.Field, comparison: Filter.Comparison, value: Filter.FilterValue): Sql {
    const column = this.column(field)
    const expression = typeof value === "string" ? column.text : typeof value === "number" ? column.number : column.boolean
    if (expression === undefined) return comparison === "!=" ? { sql: `coalesce(${column.comparable}, FALSE)`, params: [] } : FALSE
    if (typeof value === "boolean" && comparison !== "=" && comparison !== "!=") return FALSE
    const bound = typeof value === "string" ? column.isName === true ? text(Facts.comparable(value)) : Facts.comparable(value) : typeof value === "boolean" ? (value ? 1 : 0) : value
    if (comparison === "!=") return { sql: `coalesce(${column.comparable} AND (${expression} IS NULL OR ${expression} <> ?), FALSE)`, params: [bound] }
    return { sql: `coalesce(${expression} ${comparison} ?, FALSE)`, params: [bound] }
  }

  /** What ORDER BY says; the id comes last, in the direction of the last key of `whole`. */
  order(order: ReadonlyArray<Filter.Order>, whole = order): string {
    const terms: Array<string> = []
    for (const { direction, field } of order) {
      const { boolean, number, rank, text } = this.column(field)
      const way = direction === "desc" ? " DESC" : ""
      if (rank !== undefined) terms.push(rank)
      if (number !== undefined) terms.push(`${boolean === undefined ? number : this.numeric(field)}${way}`)
      if (text !== undefined) terms.push(`${text}${way}`)
    }
    return [...terms, `r.id${whole.at(-1)?.direction === "desc" ? " DESC" : ""}`].join(", ")
  }

  /** A fact's number, true and false included. */
  private numeric(field: Filter.Field): string {
    const { boolean, number } = this.column(field)
    return boolean === undefined ? number! : `coalesce(${number}, ${boolean})`
  }

  /** What comes after a place in an order. */
  after(order: ReadonlyArray<Filter.Order>, { id, values }: SortKey): Sql {
    const alternatives: Array<Sql> = []
    const equal: Array<Sql> = []
    const add = (expression: string, sign: "<" | ">", value: SqlValue): void => {
      alternatives.push(joined([...equal, { sql: `${expression} ${sign} ?`, params: [value] }], " AND "))
      equal.push({ sql: `${expression} = ?`, params: [value] })
    }
    for (const [n, { direction, field }] of order.entries()) {
      const { rank, text: column } = this.column(field)
      const value = values[n]
      if (rank !== undefined) add(rank, ">", value === undefined ? 2n : typeof value === "string" ? 1n : 0n)
      if (value === undefined) continue
      const sign = direction === "desc" ? "<" : ">"
      if (typeof value === "string") add(column!, sign, this.column(field).isName === true ? text(value) : value)
      else add(this.numeric(field), sign, Number(value))
    }
    add("r.id", order.at(-1)?.direction === "desc" ? "<" : ">", text(id))
    return wrapped(joined(alternatives.map(wrapped), " OR "))
  }

  /** What is not among the numbers of a field. */
  notNumber(field: Filter.Field): Sql {
    const { rank } = this.column(field)
    return rank === undefined ? FALSE : { sql: `(${rank} > 0)`, params: [] }
  }
}

export const wrapped = ({ params, sql }: Sql): Sql => ({ sql: `(${sql})`, params })
