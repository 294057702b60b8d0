import { Effect } from "effect"
import type * as Pipeline from "../Pipeline.ts"
import type { StepRecord } from "../RunRecord.ts"
import * as RunResult from "../RunResult.ts"
import type { Any as AnyStep } from "../Step.ts"
import type { CorruptArtifact, StoreError } from "../UniflowError.ts"
import { loadOutput } from "./manifest.ts"
import type { Objects } from "./Objects.ts"

const NONE: ReadonlyMap<AnyStep, unknown> = new Map()

/** The outputs, where the stores cannot be read at the moment somebody asks for one. */
export const loadOutputs = (objects: Objects, records: ReadonlyMap<AnyStep, StepRecord>): Effect.Effect<ReadonlyMap<AnyStep, unknown>, CorruptArtifact | StoreError> =>
  objects.readsNow ? Effect.succeed(NONE) : Effect.gen(function*() {
    const loaded = new Map<AnyStep, unknown>()
    for (const [step, record] of records) loaded.set(step, yield* loadOutput(objects, step, record.output!))
    return loaded
  })

/** The result of a run, its steps in the pipeline's order. */
export const resultOf = <P extends Pipeline.Any>(pipeline: P, parts: Omit<RunResult.Parts, "pipeline">): RunResult.RunResult<P> => {
  const records = new Map<AnyStep, StepRecord>()
  for (const step of pipeline.steps) {
    const record = parts.records.get(step)
    if (record !== undefined) records.set(step, record)
  }
  return RunResult.make<P>({ ...parts, pipeline, records })
}
