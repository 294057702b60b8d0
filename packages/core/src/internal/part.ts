import { Effect } from "effect"
import * as Pipeline from "../Pipeline.ts"
import type { Any as AnyStep } from "../Step.ts"
import { InvalidInput } from "../UniflowError.ts"

/** Which steps of a pipeline an attempt is about. */
export type Part =
  /** This step and those it stands on. */
  | { readonly until: string; readonly only?: undefined }
  /** This step alone: those it stands on are taken from what the run has saved, and never executed. */
  | { readonly only: string; readonly until?: undefined }

const stepOf = (pipeline: Pipeline.Any, option: string, name: string): Effect.Effect<AnyStep, InvalidInput> => {
  const step = pipeline.steps.find((step) => step.name === name)
  return step === undefined
    ? Effect.fail(new InvalidInput({ what: option, issue: `pipeline "${pipeline.name}" has no step "${name}" (it has: ${pipeline.steps.map((step) => step.name).join(", ")})` }))
    : Effect.succeed(step)
}

/** A step and everything that stands after it; of no step nothing. */
export const andAfter = (pipeline: Pipeline.Any, from: string | undefined): ReadonlySet<string> => {
  const names = new Set<string>()
  // Steps come after those that they read.
  for (const step of pipeline.steps) if (step.name === from || Pipeline.inputsOf(step).some(([, input]) => names.has(input.name))) names.add(step.name)
  return names
}

/** The steps to execute whatever is saved: those named, and `from` with what stands after it. */
export const reruns = (
  pipeline: Pipeline.Any,
  { from, rerun = [] }: { readonly from?: string | undefined; readonly rerun?: ReadonlyArray<string> | undefined }
): Effect.Effect<ReadonlyArray<string>, InvalidInput> =>
  from === undefined ? Effect.succeed(rerun) : Effect.map(stepOf(pipeline, "from", from), () => [...new Set([...rerun, ...andAfter(pipeline, from)])])

/** The steps of a part, in the pipeline's order. */
export const stepsOf = (pipeline: Pipeline.Any, { only, until }: Part): Effect.Effect<ReadonlyArray<AnyStep>, InvalidInput> => {
  if ((only === undefined) === (until === undefined)) {
    return Effect.fail(new InvalidInput({ what: "A part of a pipeline", issue: "it is named by one of until and only" }))
  }
  return Effect.map(stepOf(pipeline, until === undefined ? "only" : "until", (until ?? only)!), (last) => {
    const wanted = new Set([last])
    for (const step of pipeline.steps.toReversed()) {
      if (wanted.has(step)) for (const [, input] of Pipeline.inputsOf(step)) wanted.add(input)
    }
    return pipeline.steps.filter((step) => wanted.has(step))
  })
}
