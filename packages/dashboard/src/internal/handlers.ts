/** What the endpoints of the API do, over a `Uniflow`. */
import { codeChanges, compare, compareGroups, type GroupField, jsonified, pinBaseline } from "@uniflow/compare"
import { Explanation, Filter, FindRuns, type FoundRun, InvalidInput, metricNamed, RunStore, snapshot, type StoreError, type Uniflow } from "@uniflow/core"
import { Effect, Layer, Option } from "effect"
import { HttpApiBuilder, HttpApiMiddleware } from "effect/http-api"
import { Api, type RunPage, Requests } from "../Api.ts"
import { curve } from "./curves.ts"
import { experimentSummaries, isExperiment } from "./experimentSummaries.ts"
import { fieldList } from "./fieldList.ts"
import { itemPage, type KeptItems } from "./itemPage.ts"
import { runDetailOf } from "./runDetail.ts"
import { rowOf } from "./rowOf.ts"
import { runSummaries } from "./runSummaries.ts"
import { allOf, runIdOf, runOf, Visitor } from "./Visitor.ts"

/** The parts of a `Uniflow` that the page uses. */
export type PageUniflow = Pick<Uniflow.Uniflow<never>, "runPromise" | "cancel" | "runs">

type Problem = { readonly error: { readonly code: "invalid_request" | "invalid_run_id" | "invalid_filter" | "not_found" | "store_unavailable"; readonly message: string; readonly requestId: string } }

const problemOf = (error: unknown, requestId: string): Problem | undefined => {
  const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
  const message = error instanceof Error ? error.message : ""
  const problem = (code: Problem["error"]["code"], text = message): Problem => ({ error: { code, message: text, requestId } })
  if (tag === "InvalidRunId") return problem("invalid_run_id")
  if (tag === "InvalidFilter") return problem("invalid_filter")
  if (tag === "InvalidInput") return problem("invalid_request")
  if (tag === "RunNotFound") return problem("not_found", "There is no such run.")
  // The message of a store names folders and hosts.
  if (tag === "StoreError") return problem("store_unavailable", `The store cannot be used at the moment (${(error as StoreError).reason}).`)
  return undefined
}

const fieldsOf = (text: string | undefined): Effect.Effect<ReadonlyArray<readonly [string, Filter.Field]>, Filter.InvalidFilter | InvalidInput> =>
  Effect.try({
    try: () => {
      if (text === undefined || text === "") return []
      const fields = Filter.parseFields(text)
      if (fields.length > 200) throw new InvalidInput({ what: "select", issue: "names more than 200 fields." })
      return fields.map((field) => [Filter.fieldText(field), field] as const)
    },
    catch: (error) => error as Filter.InvalidFilter
  })

const parsed = (where: string | undefined): Effect.Effect<Filter.Filter | undefined, Filter.InvalidFilter> =>
  Effect.try({ try: () => (where === undefined || where.trim() === "" ? undefined : Filter.parse(where)), catch: (error) => error as Filter.InvalidFilter })

/** Runs to compare, each of which exists for who asks. */
const comparedRuns = Effect.fnUntraced(function*(runs: string, where: Filter.Filter | undefined) {
  const ids = [...new Set(runs.split(",").map((id) => id.trim()))]
  if (ids.length < 2 || ids.length > 20) return yield* new InvalidInput({ what: "runs", issue: "needs 2 to 20 ids, separated by commas." })
  return yield* Effect.forEach(ids, (id) => runOf(id, where))
})

/** The handlers of the API. */
export const layer = (uniflow: PageUniflow) => {
  /** Runs over the store; what is a problem of the request or the store is told, everything else is a fault. */
  const answer = <A, E>(effect: (visitor: Visitor["Service"]) => Effect.Effect<A, E, Uniflow.Services>) =>
    Effect.flatMap(Visitor, (visitor) =>
      Effect.tryPromise({ try: () => uniflow.runPromise(effect(visitor)), catch: (error) => error }).pipe(
        Effect.catch((error): Effect.Effect<never, never> => {
          const problem = problemOf(error, visitor.requestId)
          if (problem === undefined) console.error(`uniflow ${visitor.requestId}:`, error)
          // Which of the declared errors it is, its code says.
          return problem === undefined ? Effect.die(error) : Effect.fail(problem) as Effect.Effect<never, never>
        })
      ))

  const viewOf = (id: string, where: Filter.Filter | undefined) =>
    Effect.andThen(runOf(id, where), Effect.map(snapshot(id), runDetailOf))

  const experimentsOf = experimentSummaries()
  const experiments = HttpApiBuilder.group(Api, "experiments", (handlers) =>
    handlers
      .handle("list", () => answer(({ where }) => Effect.map(experimentsOf(where), (experiments) => ({ experiments }))))
      .handle("fields", ({ query }) => answer(({ where }) => fieldList(allOf(isExperiment(query.experiment), where), query.search))))

  const runs = HttpApiBuilder.group(Api, "runs", (handlers) =>
    handlers
      .handle("list", ({ query }) =>
        answer(({ where }) =>
          Effect.gen(function*() {
            const { after, experiment, limit = 100, orderBy, select } = query
            const fields = yield* fieldsOf(select)
            const filter = allOf(isExperiment(experiment), yield* parsed(query.where), where)
            if (after !== undefined) yield* runOf(after, where)
            const next = yield* FindRuns.pages({ where: filter, orderBy: orderBy === "" ? undefined : orderBy, after, limit: limit + 1 })
            const found: Array<FoundRun> = []
            while (found.length <= limit) {
              const page = yield* next
              if (page.length === 0) break
              found.push(...page)
            }
            const page: RunPage = { runs: found.slice(0, limit).map((one) => rowOf(one, fields)), next: found.length > limit ? found[limit - 1]!.run.id : null }
            return page
          })))
      .handle("get", ({ params }) => answer(({ where }) => viewOf(params.id, where)))
      .handle("explain", ({ params }) => answer(({ where }) => Effect.andThen(runOf(params.id, where), Effect.map(Explanation.explain(params.id), (one) => jsonified({ runId: one.runId, steps: one.steps }) as never))))
      .handle("logs", ({ params, query }) =>
        answer(({ where }) =>
          Effect.andThen(
            runOf(params.id, where),
            Effect.flatMap(RunStore, (store) => Effect.map(store.logs(params.id, { address: query.step, after: query.after, limit: query.limit }), (logs) => ({ logs })))
          )))
      .handle("metric", ({ params, query }) =>
        answer(({ where }) =>
          Effect.gen(function*() {
            yield* runOf(params.id, where)
            const buckets = yield* Effect.tryPromise({ try: () => uniflow.runs.metric(params.id, query.name, { buckets: query.buckets ?? 1000 }), catch: (error) => error })
            return { buckets: jsonified(buckets) as ReadonlyArray<never> }
          })))
      .handle("annotate", ({ params, payload }) =>
        answer(({ where }) =>
          Effect.gen(function*() {
            yield* runOf(params.id, where)
            const { note, tags } = payload
            if ((note?.length ?? 0) > 20_000) return yield* new InvalidInput({ what: "The note", issue: "has more than 20,000 characters." })
            for (const [name, value] of Object.entries(tags ?? {})) {
              if (name === "" || name.length > 256 || !name.isWellFormed() || name.includes("\0") || (value?.length ?? 0) > 1_000) return yield* new InvalidInput({ what: "A tag", issue: "has a name of 1 to 256 characters and a value of at most 1,000." })
            }
            const store = yield* RunStore
            yield* store.annotate(params.id, [...tags === undefined ? [] : [{ _tag: "Tagged" as const, tags }], ...note === undefined ? [] : [{ _tag: "Noted" as const, note }]])
            return yield* viewOf(params.id, where)
          })))
      .handle("cancel", ({ params }) =>
        answer(({ where }) => Effect.andThen(runOf(params.id, where), Effect.as(Effect.tryPromise({ try: () => uniflow.cancel(params.id), catch: (error) => error }), { asked: true }))))
      .handle("pin", ({ params }) => answer(({ where }) => Effect.andThen(runOf(params.id, where), Effect.map(pinBaseline(params.id), ({ experiment }) => ({ experiment }))))))

  const summariesOf = runSummaries()
  const curves = HttpApiBuilder.group(Api, "curves", (handlers) =>
    handlers.handle("list", ({ query }) =>
      answer(({ where }) =>
        Effect.gen(function*() {
          const ids = [...new Set(query.runs.split(",").map((id) => id.trim()))]
          if (ids.length > 50) return yield* new InvalidInput({ what: "runs", issue: "names more than 50 runs." })
          yield* Effect.forEach(ids, runIdOf)
          const { buckets = 500, by = "index", from, to } = query
          const found = yield* Effect.forEach(yield* summariesOf(ids, where), ({ metrics, run }) => {
            const summary = metricNamed(metrics, query.name)
            return summary === undefined ? Effect.undefined : curve({ ...summary, runId: run.id }, { buckets, by, from, to, createdAtMs: run.createdAtMs })
          }, { concurrency: 4 })
          return { curves: found.filter((one) => one !== undefined) }
        }))))

  const kept: KeptItems = new Map()
  const comparing = HttpApiBuilder.group(Api, "compare", (handlers) =>
    handlers
      .handle("runs", ({ query }) =>
        answer(({ where }) =>
          Effect.gen(function*() {
            const runs = yield* comparedRuns(query.runs, where)
            const comparison = compare(yield* Effect.forEach(runs, ({ id }) => snapshot(id), { concurrency: 4 }))
            return comparison.withCodeChanges(yield* codeChanges(comparison)).toJSON()
          })))
      .handle("items", ({ query }) => answer(({ where }) => Effect.flatMap(comparedRuns(query.runs, where), (runs) => itemPage(kept, runs, query))))
      .handle("groups", ({ query }) =>
        answer(({ where }) =>
          Effect.gen(function*() {
            const filter = allOf(isExperiment(query.experiment), yield* parsed(query.where), where)
            const fields = yield* fieldsOf(query.groupBy)
            const comparison = yield* compareGroups({
              where: filter,
              groupBy: fields.map(([text]) => text as GroupField),
              pairBy: query.pairBy as GroupField | undefined,
              baseline: query.baseline
            })
            return comparison.toJSON()
          }))))

  const requests = HttpApiMiddleware.layerSchemaErrorTransform(Requests, () =>
    Effect.flatMap(Effect.serviceOption(Visitor), (visitor) =>
      Effect.fail({
        error: {
          code: "invalid_request" as const,
          message: "The request is not what this endpoint takes; see api/openapi.json.",
          requestId: Option.match(visitor, { onNone: () => "", onSome: ({ requestId }) => requestId })
        }
      })))

  return HttpApiBuilder.layer(Api, { openapiPath: "/api/openapi.json" }).pipe(Layer.provide([experiments, runs, curves, comparing]), Layer.provide(requests))
}
