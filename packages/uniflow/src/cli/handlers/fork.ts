import { type Pipeline, RunId, type RunEvent } from "@uniflow/core"
import { Effect } from "effect"
import type { AnyUniflow, Handler } from "../Context.ts"
import { withConfig } from "../openStore.ts"
import { parsePairs, readRunParams } from "../ParamValues.ts"
import { checkSteps, loadConfig, pipelineOf } from "../ProjectConfig.ts"
import { recordOf } from "../runRecord.ts"
import { executeRun } from "./executeRun.ts"

export interface ForkInput {
  readonly runId: string
  readonly param: ReadonlyArray<string>
  readonly params: string | undefined
  readonly from: string | undefined
  readonly newId: string | undefined
  readonly experiment: string | undefined
  readonly tag: ReadonlyArray<string>
  readonly concurrency: number | undefined
}

/** `uniflow fork` */
export const fork: Handler<ForkInput> = async (input, context) => {
  const tags = Object.fromEntries(parsePairs("--tag", input.tag))
  await Effect.runPromise(RunId.check(input.runId))
  const id = input.newId === undefined ? RunId.make(Date.now()) : await Effect.runPromise(RunId.check(input.newId))
  const config = await loadConfig(context.cwd, context.config)
  return withConfig(context, config, async (uniflow) => {
    const parent = await recordOf(uniflow, input.runId)
    const pipeline = pipelineOf(config, parent.pipeline)
    const { concurrency, experiment, from } = input
    checkSteps(pipeline, "--from", from === undefined ? [] : [from])
    const params = await readRunParams(pipeline, { pairs: input.param, file: input.params, cwd: context.cwd })
    return executeRun(context, uniflow, pipeline, () => begin(uniflow, pipeline, parent.id, { runId: id, params, from, concurrency, experiment, tags }))
  })
}

const POLL_MS = 30

const begin = (uniflow: AnyUniflow, pipeline: Pipeline.Any, parent: string, options: NonNullable<Parameters<AnyUniflow["fork"]>[2]> & { readonly runId: string }) => {
  let settled = false
  const result = uniflow.fork(pipeline, parent, options).finally(() => {
    settled = true
  })
  result.catch(() => {})
  const exists = (): Promise<boolean> => uniflow.runs.get(options.runId).then(() => true, () => false)
  const events = async function*(): AsyncGenerator<RunEvent> {
    while (!settled && !(await exists())) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    if (await exists()) yield* uniflow.watch(options.runId)
  }
  return { id: options.runId, result, events: events() }
}
