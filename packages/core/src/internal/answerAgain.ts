import { Cause, Clock, Effect, Exit, Option } from "effect"
import type * as Pipeline from "../Pipeline.ts"
import type { RunOptions } from "../Runner.ts"
import type { RunRecord, StepRecord } from "../RunRecord.ts"
import type { RunResult } from "../RunResult.ts"
import type { Any as AnyStep } from "../Step.ts"
import type { RunError } from "../UniflowError.ts"
import { History, restored } from "./History.ts"
import { MATCHED } from "./matching.ts"
import type { PlannedStep } from "./plan.ts"
import { planOf, type PreparedRun } from "./PreparedRun.ts"
import { loadOutputs, resultOf } from "./results.ts"
import type { RunnerServices } from "./RunnerServices.ts"

/** A completed run all of whose steps still answer: nothing is taken, only the attempt is added. Undefined for any other. */
export const answerAgain = Effect.fnUntraced(function*<P extends Pipeline.Any>(
  services: RunnerServices,
  pipeline: P,
  before: RunRecord,
  prepared: PreparedRun,
  options: RunOptions
): Effect.fn.Return<RunResult<P> | undefined, RunError> {
  const { environment, objects, store } = services
  const begun = yield* Clock.currentTimeMillis
  const history = new History(prepared.history)
  const planned = yield* planOf(services, pipeline, prepared, options, history)
  if (!planned.every((step) => step.action === "restore")) return undefined
  let seq = history.lastSeq
  const records = new Map<AnyStep, StepRecord>()
  const attempt = before.attempts + 1
  for (const { step, record, reasons, trusted } of planned) {
    records.set(step, { ...restored(record!, reasons, trusted, begun), runId: before.id, attempt, seq: ++seq })
  }
  const loaded = yield* Effect.catchTag(loadOutputs(objects, records), "CorruptArtifact", () => Effect.succeed(undefined))
  if (loaded === undefined) return undefined
  const added = yield* Effect.exit(store.annotate(before.id, [{
    _tag: "AnsweredAgain",
    attempts: before.attempts,
    environment: yield* environment.capture,
    atMs: begun,
    records: standsAsItIs(planned, history) ? [] : [...records.values()]
  }]))
  if (Exit.isFailure(added)) {
    const lost = Cause.findErrorOption(added.cause)
    if (Option.isSome(lost) && lost.value.reason === "LeaseLost") return undefined
    return yield* Effect.failCause(added.cause)
  }
  options.onStart?.({ runId: before.id, attempt })
  const ended = yield* Clock.currentTimeMillis
  const { id, experiment, params, seed } = before
  const series = yield* store.series(id)
  return resultOf(pipeline, { id, experiment, params, seed, attempt, isWhole: true, durationMs: ended - begun, records, loaded, series, objects, warnings: [] })
})

/** Whether each step is restored as it was last decided, and there are no others: then nothing need be recorded of them. */
const standsAsItIs = (planned: ReadonlyArray<PlannedStep>, { latest }: History): boolean =>
  latest.size === planned.length
  && planned.every(({ step, reasons, record }) => reasons === MATCHED && latest.get(step.name)?.generation === record!.generation)
