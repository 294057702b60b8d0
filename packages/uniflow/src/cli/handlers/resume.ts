import { escapeControls } from "@uniflow/compare"
import { type FindRuns, type Pipeline, ProcessIdentity, RunId, type RunEvent, type RunRecord } from "@uniflow/core"
import { Effect } from "effect"
import type { AnyUniflow, Handler } from "../Context.ts"
import { NotFound } from "../Failure.ts"
import { withConfig } from "../openStore.ts"
import { readRunParams } from "../ParamValues.ts"
import { checkSteps, loadConfig, pipelineOf, type ProjectConfig } from "../ProjectConfig.ts"
import { ago } from "../RelativeTime.ts"
import { recordOf } from "../runRecord.ts"
import { executeRun } from "./executeRun.ts"

export interface ResumeInput {
  readonly runId: string
  readonly rerun: ReadonlyArray<string>
  readonly from: string | undefined
  readonly param: ReadonlyArray<string>
  readonly mode: "auto" | "strict" | "trust" | undefined
  readonly concurrency: number | undefined
}

/** `uniflow resume` */
export const resume: Handler<ResumeInput> = async (input, context) => {
  const isLast = input.runId === "last-failed"
  if (!isLast) await Effect.runPromise(RunId.check(input.runId))
  const config = await loadConfig(context.cwd, context.config)
  return withConfig(context, config, async (uniflow) => {
    const run = isLast ? await lastFailed(uniflow, config) : await recordOf(uniflow, input.runId)
    if (isLast) context.output.remark(`Resuming ${escapeControls(run.id)} (${escapeControls(run.pipeline)}, ${run.status} ${ago(run.endedAtMs ?? run.startedAtMs, Date.now())})`)
    const pipeline = pipelineOf(config, run.pipeline)
    checkSteps(pipeline, "--rerun", input.rerun)
    checkSteps(pipeline, "--from", input.from === undefined ? [] : [input.from])
    const secrets = await readRunParams(pipeline, { pairs: input.param, cwd: context.cwd })
    const { concurrency, from, mode, rerun } = input
    return executeRun(context, uniflow, pipeline, () => begin(uniflow, pipeline, run, { secrets, concurrency, from, mode, rerun }))
  })
}

const POLL_MS = 30

const begin = (uniflow: AnyUniflow, pipeline: Pipeline.Any, run: Pick<RunRecord, "id" | "attempts">, options: Parameters<AnyUniflow["resume"]>[2]) => {
  let settled = false
  const result = uniflow.resume(pipeline, run.id, options).finally(() => {
    settled = true
  })
  result.catch(() => {})
  // A watcher that came before the run is taken would see the end of the attempt before.
  const events = async function*(): AsyncGenerator<RunEvent> {
    while (!settled && (await recordOf(uniflow, run.id)).attempts === run.attempts) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    if ((await recordOf(uniflow, run.id)).attempts > run.attempts) yield* uniflow.watch(run.id)
  }
  return { id: run.id, result, events: events() }
}

/** The newest run of the config's pipelines that did not complete, and that nobody works on. */
const lastFailed = async (uniflow: AnyUniflow, config: ProjectConfig): Promise<FindRuns.FoundRow> => {
  const names = new Set(config.pipelines.map(({ name }) => name))
  for await (const run of uniflow.runs.find({ status: ["failed", "interrupted", "crashed", "running"] })) {
    if (!names.has(run.pipeline)) continue
    const { holder } = run
    if (run.status !== "running" || holder === null) return run
    const life = await uniflow.runPromise(Effect.flatMap(ProcessIdentity, ({ look }) => look(holder)))
    if (life === "dead") return run
  }
  throw new NotFound(`No run of ${[...names].join(", ") || "this config"} failed or was interrupted: there is nothing to resume.`)
}
