/** Who asks, for the handlers: what of the store exists for them, and how a request is named in errors. */
import { type Filter, RunId, RunNotFound, type RunRecord, RunStore, type StoreError } from "@uniflow/core"
import { Context, Data, Effect } from "effect"

export class Visitor extends Context.Service<Visitor, {
  readonly requestId: string
  /** Only runs that match exist. */
  readonly where: Filter.Filter | undefined
}>()("@uniflow/dashboard/Visitor") {}

/** What was given for a run id is none. */
export class InvalidRunId extends Data.TaggedError("InvalidRunId")<{}> {
  override readonly message = "A run id has up to 128 letters, digits, _ and -."
}

/** All of these filters. */
export const allOf = (...filters: ReadonlyArray<Filter.Filter | undefined>): Filter.Filter => ({ _tag: "And", filters: filters.filter((one) => one !== undefined) })

const isRun = (id: string): Filter.Filter => ({ _tag: "Compare", field: { _tag: "Run", name: "id" }, comparison: "=", value: id })

/** A run id that came from outside. */
export const runIdOf = (id: string): Effect.Effect<string, InvalidRunId> => Effect.mapError(RunId.check(id), () => new InvalidRunId())

/** The record of a run that exists for who asks. */
export const runOf = Effect.fnUntraced(function*(
  id: string,
  where: Filter.Filter | undefined
): Effect.fn.Return<RunRecord, RunNotFound | InvalidRunId | StoreError, RunStore> {
  yield* runIdOf(id)
  const store = yield* RunStore
  const run = where === undefined
    ? yield* store.run(id)
    : (yield* store.find({ where: allOf(isRun(id), where), limit: 1 }))[0]?.run
  return run ?? (yield* new RunNotFound({ runId: id }))
})
