/**
 * The HTTP API of the experiments page, as data: what the handler serves, its OpenAPI document tells, and the typed client is derived from.
 *
 * All of it is JSON; numbers that JSON lacks are the strings "NaN", "Infinity" and "-Infinity". Errors are
 * `{ error: { code, message, requestId } }`. What begins with GET changes nothing.
 */
import type { ComparisonJson, GroupComparisonJson, ItemChange, ItemChangeCounts, Jsonified } from "@uniflow/compare"
import type { Explanation, LogRecord, MetricSeries, RunView } from "@uniflow/core"
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, HttpApiSchema, OpenApi } from "effect/http-api"

const problem = <const Codes extends ReadonlyArray<string>>(status: number, codes: Codes) =>
  Schema.Struct({
    error: Schema.Struct({ code: Schema.Literals(codes), message: Schema.String, requestId: Schema.String })
  }).pipe(HttpApiSchema.status(status))

/** What was asked for cannot be understood. */
export const InvalidRequest = problem(400, ["invalid_request", "invalid_run_id", "invalid_filter"])
export const NotFound = problem(404, ["not_found"])
export const Conflict = problem(409, ["conflict"])
/** The store cannot be used at the moment. */
export const Unavailable = problem(503, ["store_unavailable"])

/** Requests that do not decode are told of in the form of all errors. */
export class Requests extends HttpApiMiddleware.Service<Requests>()("@uniflow/dashboard/Requests", { error: InvalidRequest }) {}

/** A type without a check: for what this program itself puts together from checked records. */
const made = <A>(): Schema.Codec<A, A> => Schema.Unknown as unknown as Schema.Codec<A, A>

const count = (most: number) => Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: most }))

const position = Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

/** An experiment, as the first page lists it. */
export interface ExperimentSummary {
  readonly experiment: string
  readonly runs: number
  readonly running: number
  /** Failed and crashed. */
  readonly failed: number
  readonly last: RunRow
  /** The pinned baseline. */
  readonly baseline: RunRow | null
  /** The best completed run by the first goal that is declared, among the newest 100. */
  readonly best: { readonly run: RunRow; readonly metric: string; readonly goal: "maximize" | "minimize" } | null
  /** Values of that metric in the newest runs, oldest first. */
  readonly trend: ReadonlyArray<number>
}

/** A run as lists have it. */
export interface RunRow {
  readonly id: string
  readonly pipeline: string
  readonly experiment: string
  readonly status: RunView.RunView["status"]
  readonly createdAtMs: number
  readonly startedAtMs: number
  readonly endedAtMs: number | null
  readonly attempts: number
  readonly parent: string | null
  readonly tags: { readonly [name: string]: string }
  readonly note: string | null
  readonly error: { readonly step: string | null; readonly name: string; readonly message: string } | null
  readonly goals: RunView.RunView["goals"]
  /** The fields that were asked for, those that the run has. */
  readonly values: { readonly [field: string]: unknown }
}

export interface RunPage {
  readonly runs: ReadonlyArray<RunRow>
  /** Id to go on after; null at the end. */
  readonly next: string | null
}

/** What can be shown, filtered and sorted by, as the newest 1,000 runs have it. */
export interface FieldList {
  /** Such as `params.learningRate`; those whose values vary come first. `curve`: a metric that changed within a run. */
  readonly fields: ReadonlyArray<{ readonly field: string; readonly varies: boolean; readonly runs: number; readonly goal: "maximize" | "minimize" | null; readonly curve: boolean }>
  /** There are more. */
  readonly truncated: boolean
}

/** An input of a step: its own name, and the step whose output came in; null where no record tells which. */
export interface StepInput {
  readonly name: string
  readonly step: string | null
}

/** A decision about a step in one attempt. */
export interface Executed {
  readonly step: string
  readonly attempt: number
  readonly decision: RunView.StepView["decision"]
  readonly status: RunView.StepView["status"]
  readonly startedAtMs: number
  readonly durationMs: number
}

export interface SavedCheckpoint {
  readonly step: string
  readonly name: string
  readonly version: number
  readonly attempt: number
  readonly sizeBytes: number
  readonly savedAtMs: number
}

/** A run as its own page shows it. */
export type RunDetail = Jsonified<RunView.RunView> & {
  /** The inputs of each step: the edges of the graph. */
  readonly inputs: { readonly [step: string]: ReadonlyArray<StepInput> }
  /** Decisions of all attempts, oldest first; items of maps are not listed. */
  readonly executions: ReadonlyArray<Executed>
  readonly checkpoints: ReadonlyArray<SavedCheckpoint>
  /** Steps that were being executed when the run stopped, as far as they left something: items, checkpoints, metrics or artifacts. */
  readonly stopped: ReadonlyArray<string>
}

/** A metric of a run as a plot draws it, in columns of equal length. */
export interface Curve {
  readonly run: string
  /** How many points are behind it. */
  readonly points: number
  /** Indexes, Unix times in milliseconds, or milliseconds since the run was created; ascending. */
  readonly x: ReadonlyArray<number>
  /** The mean of a bucket; null where it has no finite number, as in `min` and `max`. */
  readonly y: ReadonlyArray<number | null>
  /** Null where no bucket has two different values. */
  readonly min: ReadonlyArray<number | null> | null
  readonly max: ReadonlyArray<number | null> | null
}

/** Which compared items are asked for: `differing` are all but the same, `flipped` those of which a score changed or that failed in one run alone, `only` those that not all runs have. */
export const ItemShow = Schema.Literals(["all", "differing", "flipped", "worse", "improved", "changed", "only", "same"])
export type ItemShow = typeof ItemShow.Type

/** An item's output for reading; of a case of an evaluation (an object with `scores` and `output`) the case's own. */
export interface ItemText {
  /** Null where it is no text, too large, or gone. */
  readonly text: string | null
  /** It is the beginning alone. */
  readonly cut: boolean
  readonly sizeBytes: number
  readonly mediaType: string
  /** What the case should have given, where it tells. */
  readonly expected?: string | null
}

/** An item of a map in each of the compared runs; arrays have one entry per run. */
export interface ItemRow {
  readonly key: string
  /** What it was made of, for reading; null where that is not known. */
  readonly input: string | null
  /** What became of it against the first run; null for that one, and where neither has it. */
  readonly changes: ReadonlyArray<ItemChange | null>
  /** Null where the run does not have it. */
  readonly values: ReadonlyArray<
    | {
      readonly status: "completed" | "failed" | "skipped"
      readonly error: { readonly name: string; readonly message: string } | null
      readonly durationMs: number | null
      readonly scores: ReadonlyArray<{ readonly name: string; readonly value: number | string | boolean; readonly goal: "maximize" | "minimize" | null }>
      readonly output: ItemText | null
    }
    | null
  >
}

/** Items of a map, those that flipped first. */
export interface ItemPage {
  readonly step: string
  readonly runs: ReadonlyArray<string>
  /** Items altogether, and of them those that were asked for. */
  readonly total: number
  readonly found: number
  /** What became of all items, per run; null for the first. */
  readonly counts: ReadonlyArray<ItemChangeCounts | null>
  /** Outputs that differ and were not read, because they are too large, too many or damaged: their scores were not compared. */
  readonly unread: number
  readonly items: ReadonlyArray<ItemRow>
  /** Key to go on after; null at the end. */
  readonly next: string | null
}

const runId = { id: Schema.String }
const readErrors = [InvalidRequest, NotFound, Unavailable] as const

export class ExperimentsApi extends HttpApiGroup.make("experiments")
  .add(HttpApiEndpoint.get("list", "/", { success: made<{ readonly experiments: ReadonlyArray<ExperimentSummary> }>(), error: readErrors }))
  .add(HttpApiEndpoint.get("fields", "/fields", {
    query: {
      experiment: Schema.optional(Schema.String),
      /** Only fields whose names hold this; case does not count. */
      search: Schema.optional(Schema.String)
    },
    success: made<FieldList>(),
    error: readErrors
  }))
  .middleware(Requests)
  .prefix("/experiments")
{}

export class RunsApi extends HttpApiGroup.make("runs")
  .add(HttpApiEndpoint.get("list", "/", {
    query: {
      experiment: Schema.optional(Schema.String),
      where: Schema.optional(Schema.String),
      orderBy: Schema.optional(Schema.String),
      /** Fields separated by commas. */
      select: Schema.optional(Schema.String),
      after: Schema.optional(Schema.String),
      limit: Schema.optional(count(500))
    },
    success: made<RunPage>(),
    error: readErrors
  }))
  .add(HttpApiEndpoint.get("get", "/:id", { params: runId, success: made<RunDetail>(), error: readErrors }))
  .add(HttpApiEndpoint.get("explain", "/:id/explain", { params: runId, success: made<Jsonified<Explanation.Explanation>>(), error: readErrors }))
  .add(HttpApiEndpoint.get("logs", "/:id/logs", {
    params: runId,
    query: { step: Schema.optional(Schema.String), after: Schema.optional(position), limit: Schema.optional(count(1000)) },
    success: made<{ readonly logs: ReadonlyArray<LogRecord> }>(),
    error: readErrors
  }))
  .add(HttpApiEndpoint.get("metric", "/:id/metric", {
    params: runId,
    query: { name: Schema.String, buckets: Schema.optional(count(4000)) },
    success: made<{ readonly buckets: ReadonlyArray<Jsonified<MetricSeries.Bucket>> }>(),
    error: readErrors
  }))
  .add(HttpApiEndpoint.patch("annotate", "/:id", {
    params: runId,
    payload: Schema.Struct({
      tags: Schema.optional(Schema.Record(Schema.String, Schema.NullOr(Schema.String))),
      note: Schema.optional(Schema.NullOr(Schema.String))
    }),
    success: made<RunDetail>(),
    error: readErrors
  }))
  .add(HttpApiEndpoint.post("cancel", "/:id/cancel", { params: runId, payload: Schema.Struct({}), success: Schema.Struct({ asked: Schema.Boolean }), error: [...readErrors, Conflict] }))
  .add(HttpApiEndpoint.post("pin", "/:id/pin", { params: runId, payload: Schema.Struct({}), success: Schema.Struct({ experiment: Schema.String }), error: readErrors }))
  .middleware(Requests)
  .prefix("/runs")
{}

export class CurvesApi extends HttpApiGroup.make("curves")
  .add(HttpApiEndpoint.get("list", "/", {
    query: {
      /** Ids separated by commas, at most 50. */
      runs: Schema.String,
      /** A metric, as `run.metrics` names it. Runs without it are left out. */
      name: Schema.String,
      /** What x is. "relative": milliseconds since the run was created; `from` and `to` are in the same. */
      by: Schema.optional(Schema.Literals(["index", "time", "relative"])),
      buckets: Schema.optional(count(4000)),
      from: Schema.optional(Schema.FiniteFromString),
      to: Schema.optional(Schema.FiniteFromString)
    },
    success: made<{ readonly curves: ReadonlyArray<Curve> }>(),
    error: readErrors
  }))
  .middleware(Requests)
  .prefix("/curves")
{}

export class CompareApi extends HttpApiGroup.make("compare")
  .add(HttpApiEndpoint.get("runs", "/", {
    /** Ids separated by commas, 2 to 20; the first is the baseline. */
    query: { runs: Schema.String },
    success: made<ComparisonJson>(),
    error: readErrors
  }))
  .add(HttpApiEndpoint.get("items", "/items", {
    query: {
      /** Ids separated by commas, 2 to 20; the first is the baseline. */
      runs: Schema.String,
      /** A step that is a map. */
      step: Schema.String,
      show: Schema.optional(ItemShow),
      /** Only items whose input holds this, or whose key begins with it; case does not count. */
      search: Schema.optional(Schema.String),
      after: Schema.optional(Schema.String),
      /** Default 20; fewer come where many runs are compared. */
      limit: Schema.optional(count(100))
    },
    success: made<ItemPage>(),
    error: readErrors
  }))
  .add(HttpApiEndpoint.get("groups", "/groups", {
    query: {
      experiment: Schema.optional(Schema.String),
      where: Schema.optional(Schema.String),
      groupBy: Schema.String,
      pairBy: Schema.optional(Schema.String),
      baseline: Schema.optional(Schema.String)
    },
    success: made<GroupComparisonJson>(),
    error: readErrors
  }))
  .middleware(Requests)
  .prefix("/compare")
{}

/** The API, under `api/` of where the page is mounted. */
export class Api extends HttpApi.make("uniflow")
  .add(ExperimentsApi)
  .add(RunsApi)
  .add(CurvesApi)
  .add(CompareApi)
  .prefix("/api")
  .annotateMerge(OpenApi.annotations({ title: "UniFlow", version: "1", description: "Runs of pipelines: found, shown, compared and annotated." }))
{}
