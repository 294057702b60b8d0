/**
 * Filters as typed objects: the same conditions as `Filter.parse` reads from text, checked by the compiler.
 *
 * `{ params: { learningRate: { ">": 0.01 } }, metrics: { loss: { min: { "<": 0.1 } } }, run: { status: "completed" } }`: what
 * stands beside each other must all hold; a value alone stands for `=`; `and`, `or` and `not` combine. With a pipeline the
 * names and types of its params are known.
 */
import { Duration } from "effect"
import type * as Pipeline from "./Pipeline.ts"
import type { RunStatus } from "./RunRecord.ts"
import { InvalidInput } from "./UniflowError.ts"
import { kindOf, refusal, type ValueKind } from "./internal/filterKinds.ts"
import { type Comparison, type Field, type Filter, type FilterValue, LIMITS, RUN_FIELDS, type RunFieldName } from "./internal/filterModel.ts"
import { dateMs } from "./internal/filterText.ts"

interface Presence {
  readonly is?: "null" | "not null"
}
interface Equality<T> extends Presence {
  readonly "="?: T
  readonly "!="?: T
  readonly in?: ReadonlyArray<T>
  readonly "not in"?: ReadonlyArray<T>
}
interface Order<T> extends Equality<T> {
  readonly "<"?: T
  readonly "<="?: T
  readonly ">"?: T
  readonly ">="?: T
}
interface Text<T extends string> extends Order<T> {
  readonly like?: string
  readonly "not like"?: string
}

type Numbers = number | Omit<Order<number>, "is"> & { readonly is?: "null" | "not null" | "nan" | "not nan" }

/** What a value of a param's type can be asked. */
export type Condition<T> = [T] extends [boolean] ? T | Equality<T>
  : [T] extends [number] ? T | Order<T>
  : [T] extends [string] ? T | Text<T>
  : T extends ReadonlyArray<unknown> ? Presence
  : T extends object ? Presence | { readonly [K in keyof T]?: Condition<Exclude<T[K], undefined | null>> }
  : T | Text<string> | Order<number>

type RunValue<K extends RunFieldName> = K extends "status" ? RunStatus | Text<RunStatus>
  : (typeof RUN_FIELDS)[K] extends "text" ? string | Text<string>
  : (typeof RUN_FIELDS)[K] extends "number" ? number | Order<number>
  : (typeof RUN_FIELDS)[K] extends "boolean" ? boolean | Equality<boolean>
  : (typeof RUN_FIELDS)[K] extends "date" ? Order<Date | string>
  : Order<Duration.Input>

/** Params of any kind, where no pipeline is given. */
interface AnyParams {
  readonly [name: string]: unknown
}
/** A pipeline's params; of any pipeline, params of any name. */
export type ParamsOf<P extends Pipeline.Any> = unknown extends Pipeline.Params<P> ? AnyParams : Pipeline.Params<P>

type AnyCondition = string | number | boolean | Text<string> | Order<number> | { readonly [name: string]: AnyCondition | undefined }

export interface Where<P extends Pipeline.Any = Pipeline.Any> {
  readonly params?: unknown extends Pipeline.Params<P> ? { readonly [name: string]: AnyCondition | undefined }
    : { readonly [K in keyof Pipeline.Params<P>]?: Condition<Exclude<Pipeline.Params<P>[K], undefined | null>> }
  /** The last value, or `min`, `max` or `best` of the points. */
  readonly metrics?: { readonly [name: string]: Numbers | { readonly last?: Numbers; readonly min?: Numbers; readonly max?: Numbers; readonly best?: Numbers } }
  readonly tags?: { readonly [name: string]: string | Text<string> }
  readonly run?: { readonly [K in RunFieldName]?: RunValue<K> }
  readonly and?: ReadonlyArray<Where<P>>
  readonly or?: ReadonlyArray<Where<P>>
  readonly not?: Where<P>
}

const SIGNS: ReadonlySet<string> = new Set<Comparison>(["=", "!=", "<", "<=", ">", ">="])
const OPERATORS: ReadonlySet<string> = new Set([...SIGNS, "in", "not in", "like", "not like", "is"])
const FIGURES: ReadonlySet<string> = new Set(["last", "min", "max", "best"])

const isPlain = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date) && !Duration.isDuration(value)

const refuse = (what: string, issue: string): never => {
  throw new InvalidInput({ what, issue })
}

const literal = (what: string, field: Field, given: unknown): readonly [ValueKind, FilterValue] => {
  const kind = kindOf(field)
  if (kind === "date") {
    const ms = given instanceof Date ? given.getTime() : typeof given === "string" ? dateMs(given) : NaN
    return ms === ms ? ["date", ms] : refuse(what, "must be a Date or a date in ISO 8601")
  }
  if (kind === "duration") {
    const duration = Duration.fromInput(given as Duration.Input)
    return duration._tag === "Some" ? ["duration", Duration.toMillis(duration.value)] : refuse(what, "must be a duration, such as \"10 minutes\"")
  }
  if (typeof given === "string") return ["text", given]
  if (typeof given === "boolean") return ["boolean", given]
  if (typeof given === "number") return given === given ? ["number", given] : refuse(what, "nothing is equal to NaN; ask { is: \"nan\" }")
  return refuse(what, "must be compared with text, a number, true or false")
}

/** The filter that an object stands for. Throws `InvalidInput` with the place of what is wrong. */
export const toFilter = (where: Where<Pipeline.Any>): Filter => {
  let terms = 0
  const value = (what: string, field: Field, comparison: Comparison, given: unknown): FilterValue => {
    if (++terms > LIMITS.terms) refuse("where", `has more than ${LIMITS.terms} conditions and values`)
    const [kind, one] = literal(what, field, given)
    const issue = refusal(field, comparison, kind, one)
    return issue === undefined ? one : refuse(what, issue)
  }
  const operator = (what: string, field: Field, name: string, given: unknown): Filter => {
    if (SIGNS.has(name)) return { _tag: "Compare", field, comparison: name as Comparison, value: value(what, field, name as Comparison, given) }
    if (name === "in" || name === "not in") {
      if (!Array.isArray(given)) return refuse(what, "must be a list")
      return { _tag: "In", field, values: given.map((one) => value(what, field, "=", one)), negated: name === "not in" }
    }
    if (name === "is") {
      const asked = String(given)
      const filter: Filter = asked.endsWith("nan") && field._tag === "Metric" ? { _tag: "IsNaN", field } : { _tag: "IsNull", field }
      if (!["null", "not null", ...(field._tag === "Metric" ? ["nan", "not nan"] : [])].includes(asked)) refuse(what, `cannot be "${asked}"; it can be "null" or "not null"${field._tag === "Metric" ? ", \"nan\" or \"not nan\"" : ""}`)
      return asked.startsWith("not") ? { _tag: "Not", filter } : filter
    }
    if (typeof given !== "string" || given.length > LIMITS.pattern) return refuse(what, `must be a pattern of at most ${LIMITS.pattern} characters`)
    const issue = refusal(field, "like", "text")
    return issue === undefined ? { _tag: "Like", field, pattern: given, negated: name === "not like" } : refuse(what, issue)
  }
  const conditions = (what: string, field: Field, given: unknown): ReadonlyArray<Filter> => {
    if (given === undefined) return []
    if (!isPlain(given)) return [operator(what, field, "=", given)]
    return Object.entries(given).flatMap(([name, inner]): ReadonlyArray<Filter> => {
      const place = `${what}[${JSON.stringify(name)}]`
      if (inner === undefined) return []
      if (OPERATORS.has(name)) return [operator(place, field, name, inner)]
      if (field._tag === "Param") return conditions(place, { _tag: "Param", path: [...field.path, name] }, inner)
      if (field._tag === "Metric" && FIGURES.has(name)) return conditions(place, { ...field, figure: name as "last" }, inner)
      return refuse(place, `is no operator; there are ${[...OPERATORS].join(" ")}`)
    })
  }
  const all = (filters: ReadonlyArray<Filter>): Filter => (filters.length === 1 ? filters[0]! : { _tag: "And", filters })
  const one = (what: string, given: unknown, depth: number): Filter => {
    if (!isPlain(given)) return refuse(what, "must be an object with params, metrics, tags, run, and, or, not")
    if (depth > LIMITS.depth) return refuse("where", `is more than ${LIMITS.depth} levels deep`)
    return all(Object.entries(given).flatMap(([name, inner]): ReadonlyArray<Filter> => {
      const place = `${what}.${name}`
      if (inner === undefined) return []
      if (name === "not") return [{ _tag: "Not", filter: one(place, inner, depth + 1) }]
      if (name === "and" || name === "or") {
        if (!Array.isArray(inner)) return refuse(place, "must be a list")
        const filters = inner.map((member, n) => one(`${place}[${n}]`, member, depth + 1))
        return [name === "and" ? all(filters) : { _tag: "Or", filters }]
      }
      if (!isPlain(inner)) return refuse(place, "must be an object")
      return Object.entries(inner).flatMap(([member, condition]) => {
        const at = `${place}.${member}`
        switch (name) {
          case "params":
            return conditions(at, { _tag: "Param", path: [member] }, condition)
          case "metrics":
            return conditions(at, { _tag: "Metric", name: member, figure: "last" }, condition)
          case "tags":
            return conditions(at, { _tag: "Tag", name: member }, condition)
          case "run":
            return Object.hasOwn(RUN_FIELDS, member)
              ? conditions(at, { _tag: "Run", name: member as RunFieldName }, condition)
              : refuse(at, `a run has no such field; it has ${Object.keys(RUN_FIELDS).join(", ")}`)
          default:
            return refuse(place, "is not known; there are params, metrics, tags, run, and, or, not")
        }
      })
    }))
  }
  return one("where", where, 0)
}
