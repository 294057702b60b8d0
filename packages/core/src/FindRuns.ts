/**
 * Finding runs: what `uniflow.runs.find` takes, and the rows that it gives.
 */
import { Clock, Effect } from "effect"
import * as Filter from "./Filter.ts"
import { figureOf, type FoundRun, lookupOf, metricNamed, NEWEST_FIRST, sortKeyOf } from "./FoundRun.ts"
import { checkFields } from "./internal/filterKinds.ts"
import * as Pipeline from "./Pipeline.ts"
import type { RunRecord, RunStatus } from "./RunRecord.ts"
import { RunStore } from "./RunStore.ts"
import { InvalidInput, RunNotFound, type StoreError } from "./UniflowError.ts"
import { type ParamsOf, toFilter, type Where } from "./Where.ts"

type Names<T> = keyof T & string

/** A field by its text, such as `params.learningRate`, `metrics.loss.min` or `run.duration`. */
export type FieldText<P extends Pipeline.Any = Pipeline.Any> =
  | `params.${Names<ParamsOf<P>>}`
  | `metrics.${string}`
  | `tags.${string}`
  | `run.${Filter.RunFieldName}`

type RunFieldValue<K> = K extends "status" ? RunStatus
  : K extends "id" | "name" | "pipeline" | "experiment" ? string
  : K extends "created" | "started" | "seed" | "attempts" ? number
  : K extends Filter.RunFieldName ? ({ readonly text: string; readonly number: number; readonly boolean: boolean; readonly date: number; readonly duration: number })[(typeof Filter.RUN_FIELDS)[K]] | undefined
  : never

/** The value of a field: dates in Unix milliseconds, durations in milliseconds. */
export type FieldValue<P extends Pipeline.Any, F> = F extends `params.${infer K}` ? K extends keyof ParamsOf<P> ? ParamsOf<P>[K] | undefined : unknown
  : F extends `metrics.${string}` ? number | undefined
  : F extends `tags.${string}` ? string | undefined
  : F extends `run.${infer K}` ? RunFieldValue<K>
  : never

/** A run that was found. */
export interface FoundRow<P extends Pipeline.Any = Pipeline.Any> extends Omit<RunRecord, "params"> {
  /** As they were recorded, which may have been by other code; secrets as keyed hashes. */
  readonly params: unknown extends Pipeline.Params<P> ? RunRecord["params"] : Partial<Pipeline.Params<P>>
  /** Last values: `step.key`, and the bare key where one step alone has it. */
  readonly metrics: { readonly [name: string]: number }
  /** Git of the newest attempt. */
  readonly git: FoundRun["git"]
  /** What the newest attempt took, in milliseconds; undefined while it runs. */
  readonly durationMs: number | undefined
}

/** A row with just the fields that were selected, and the run's id. */
export type SelectedRow<P extends Pipeline.Any, F extends string> = { readonly id: string } & { readonly [K in F]: FieldValue<P, K> }

/** Which runs to find; all conditions must hold. */
export interface FindOptions<P extends Pipeline.Any = Pipeline.Any, F extends string = FieldText<P>> {
  /** Runs of this pipeline (by name); a pipeline itself gives the rows their types. */
  readonly pipeline?: P | string | undefined
  readonly experiment?: string | undefined
  readonly status?: ReadonlyArray<RunStatus> | undefined
  /** A filter as text (`params.learningRate > 0.01 and metrics.accuracy >= 0.9`), as an object, or parsed. */
  readonly where?: string | Where<P> | Filter.Filter | undefined
  /** Text such as `metrics.accuracy desc, run.started`, or `{ "metrics.accuracy": "desc" }`. Default: newest first. */
  readonly orderBy?: string | { readonly [K in FieldText<P>]?: "asc" | "desc" } | undefined
  /** Only these fields, beside the id. */
  readonly select?: ReadonlyArray<F> | undefined
  /** How many at most; all by default. */
  readonly limit?: number | undefined
  /** Runs that come after the run of this id. */
  readonly after?: string | undefined
}

/** Runs as they are found, page by page: `for await (const run of found)`, or all of them by `toArray()`. */
export interface Found<Row> extends AsyncIterable<Row> {
  toArray(): Promise<ReadonlyArray<Row>>
}

const PAGE = 100
const MAX = 1000

const ordered = (orderBy: FindOptions["orderBy"]): ReadonlyArray<Filter.Order> => {
  if (orderBy === undefined) return NEWEST_FIRST
  if (typeof orderBy === "string") return Filter.parseOrder(orderBy)
  const entries = Object.entries(orderBy).filter(([, direction]) => direction !== undefined)
  if (entries.length === 0) return NEWEST_FIRST
  return entries.map(([field, direction]) => {
    if (direction !== "asc" && direction !== "desc") throw new InvalidInput({ what: `orderBy[${JSON.stringify(field)}]`, issue: "must be \"asc\" or \"desc\"" })
    return { field: Filter.parseField(field), direction }
  })
}

/** The metrics of a found run by name, as `run.metrics` has them. */
export const metricsOf = ({ metrics }: Pick<FoundRun, "metrics">): { readonly [name: string]: number } => {
  const values = new Map<string, number | undefined>()
  // The key alone, where one step has it; a full name comes before a key that reads the same.
  for (const { key, last } of metrics) values.set(key, values.has(key) ? undefined : last)
  const lengths = new Map<string, number>()
  for (const { address, key, last } of metrics) {
    const name = `${address}.${key}`
    if (address.length >= (lengths.get(name) ?? Infinity)) continue
    lengths.set(name, address.length)
    values.set(name, last)
  }
  return Object.fromEntries([...values].filter((entry): entry is [string, number] => entry[1] !== undefined))
}

/** The row of a found run. */
export const rowOf = (found: FoundRun): FoundRow => ({
  ...found.run,
  metrics: metricsOf(found),
  git: found.git,
  durationMs: found.run.endedAtMs === null ? undefined : found.run.endedAtMs - found.run.startedAtMs
})

/** The value of a field in a found run, as rows show it: a param as it is recorded. */
export const valueOf = (found: FoundRun, field: Filter.Field): unknown => {
  if (field._tag === "Param") {
    let value: unknown = found.run.params
    for (const name of field.path) value = typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as { readonly [name: string]: unknown })[name] : undefined
    return value
  }
  if (field._tag === "Tag") return Object.hasOwn(found.run.tags, field.name) ? found.run.tags[field.name] : undefined
  if (field._tag === "Metric") {
    const metric = metricNamed(found.metrics, field.name)
    return metric === undefined ? undefined : figureOf(metric, field.figure, found.run.goals)
  }
  return lookupOf(found)(field)?.value
}

/**
 * Pages of found runs. Fails with `InvalidFilter` or `InvalidInput` for what cannot be understood, and with `RunNotFound`
 * where `after` is no run.
 */
export const pages = Effect.fnUntraced(function*(
  options: FindOptions
): Effect.fn.Return<Effect.Effect<ReadonlyArray<FoundRun>, StoreError>, Filter.InvalidFilter | InvalidInput | RunNotFound | StoreError, RunStore> {
  const store = yield* RunStore
  const nowMs = yield* Clock.currentTimeMillis
  const { experiment, limit = Infinity, pipeline, status } = options
  const { orderBy, where } = yield* Effect.try({
    try: () => {
      const own: Array<Filter.Filter> = []
      const is = (name: Filter.RunFieldName, value: string): void => void own.push({ _tag: "Compare", field: { _tag: "Run", name }, comparison: "=", value })
      if (pipeline !== undefined) is("pipeline", Pipeline.isPipeline(pipeline) ? pipeline.name : pipeline)
      if (experiment !== undefined) is("experiment", experiment)
      if (status !== undefined) own.push({ _tag: "In", field: { _tag: "Run", name: "status" }, values: status, negated: false })
      if (options.where !== undefined) own.push(typeof options.where === "string" ? Filter.parse(options.where, nowMs) : "_tag" in options.where ? options.where : toFilter(options.where))
      const orderBy = ordered(options.orderBy)
      const where: Filter.Filter = { _tag: "And", filters: own }
      checkFields(where, orderBy)
      return { orderBy, where }
    },
    catch: (error) => error as Filter.InvalidFilter | InvalidInput
  })
  if (!(limit >= 0)) return yield* new InvalidInput({ what: "limit", issue: "must be a number of at least 0" })
  let after: FoundRun["sortKey"] | undefined
  if (options.after !== undefined) {
    const [start] = yield* store.find({ where: { _tag: "Compare", field: { _tag: "Run", name: "id" }, comparison: "=", value: options.after }, orderBy, limit: 1 })
    if (start === undefined) return yield* new RunNotFound({ runId: options.after })
    after = sortKeyOf(orderBy, start.run.id, lookupOf(start))
  }
  let given = 0
  let done = false
  return Effect.suspend(() => {
    const size = Math.min(given === 0 ? PAGE : MAX, limit - given)
    if (done || size <= 0) return Effect.succeed([])
    return Effect.map(store.find({ where, orderBy, after, limit: size }), (found) => {
      given += found.length
      after = found.at(-1)?.sortKey
      // Fewer may also have been removed meanwhile.
      done = found.length === 0
      return found
    })
  })
})

/** The Promise face of `pages`. */
export const find = <Row>(
  runPromise: <A, E>(effect: Effect.Effect<A, E, RunStore>) => Promise<A>,
  options: FindOptions
): Found<Row> => {
  const iterate = async function*(): AsyncGenerator<Row, void, undefined> {
    const fields = options.select === undefined ? undefined : await runPromise(Effect.try({
      try: () => options.select!.map((text) => [text, Filter.parseField(text)] as const),
      catch: (error) => error as Filter.InvalidFilter
    }))
    const next = await runPromise(pages(options))
    while (true) {
      const found = await runPromise(next)
      if (found.length === 0) return
      for (const one of found) {
        yield (fields === undefined ? rowOf(one) : Object.fromEntries([["id", one.run.id], ...fields.map(([text, field]) => [text, valueOf(one, field)])])) as Row
      }
    }
  }
  return {
    [Symbol.asyncIterator]: iterate,
    toArray: async () => {
      const rows: Array<Row> = []
      for await (const row of iterate()) rows.push(row)
      return rows
    }
  }
}
