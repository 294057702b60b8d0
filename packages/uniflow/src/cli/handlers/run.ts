import { escapeControls, renderTable } from "@uniflow/compare"
import { Pipeline, RunId, type Uniflow as CoreUniflow } from "@uniflow/core"
import { Effect } from "effect"
import type { AnyUniflow, Context, Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { withConfig } from "../openStore.ts"
import { parsePairs, readRunParams } from "../ParamValues.ts"
import { checkSteps, loadConfig, pipelineOf } from "../ProjectConfig.ts"
import { describeReasons } from "../Reasons.ts"
import { executeRun } from "./executeRun.ts"

export interface RunInput {
  readonly pipeline: string | undefined
  readonly param: ReadonlyArray<string>
  readonly params: string | undefined
  readonly runId: string | undefined
  readonly seed: number | undefined
  readonly rerun: ReadonlyArray<string>
  readonly from: string | undefined
  readonly until: string | undefined
  readonly only: string | undefined
  readonly mode: "auto" | "strict" | "trust" | undefined
  readonly experiment: string | undefined
  readonly tag: ReadonlyArray<string>
  readonly concurrency: number | undefined
  readonly dryRun: boolean
}

type Options = CoreUniflow.StartOptions<Pipeline.Any>

/** `uniflow run` */
export const run: Handler<RunInput> = async (input, context) => {
  const tags = Object.fromEntries(parsePairs("--tag", input.tag))
  if (input.runId !== undefined) await Effect.runPromise(RunId.check(input.runId))
  const config = await loadConfig(context.cwd, context.config)
  const pipeline = pipelineOf(config, input.pipeline)
  checkSteps(pipeline, "--rerun", input.rerun)
  for (const option of ["from", "until", "only"] as const) checkSteps(pipeline, `--${option}`, input[option] === undefined ? [] : [input[option]])
  if (input.until !== undefined && input.only !== undefined) throw new UsageError("--until and --only name different parts of a run: give one of them.")
  if (input.dryRun && input.only !== undefined) throw new UsageError("--dry-run tells what a run does; --only does one step of it. Give one of them.")
  const params = await readRunParams(pipeline, { pairs: input.param, file: input.params, cwd: context.cwd, complete: true })
  const options: Options = {
    params,
    runId: input.runId,
    seed: input.seed,
    rerun: input.rerun,
    from: input.from,
    mode: input.mode,
    experiment: input.experiment,
    tags,
    concurrency: input.concurrency
  }
  return withConfig(context, input.dryRun ? { ...config, retention: undefined } : config, (uniflow) =>
    input.dryRun
      ? dryRun(context, uniflow, pipeline, options, input.until)
      : executeRun(context, uniflow, pipeline, (uniflow) => input.until !== undefined
        ? uniflow.startPart(pipeline, { ...options, until: input.until })
        : input.only !== undefined
        ? uniflow.startPart(pipeline, { ...options, only: input.only })
        : uniflow.start(pipeline, options)))
}

const actions = { restore: "good", execute: "strong", depends: "warning" } as const

/** The step and those that it stands on. */
const standsOn = (pipeline: Pipeline.Any, until: string): ReadonlySet<string> => {
  const names = new Set([until])
  for (const step of pipeline.steps.toReversed()) if (names.has(step.name)) for (const [, input] of Pipeline.inputsOf(step)) names.add(input.name)
  return names
}

const dryRun = async (context: Context, uniflow: AnyUniflow, pipeline: Pipeline.Any, options: Options, until: string | undefined): Promise<ExitCode> => {
  const { output } = context
  const wanted = until === undefined ? undefined : standsOn(pipeline, until)
  const planned = (await uniflow.plan(pipeline, options)).filter(({ step }) => wanted?.has(step.name) !== false)
  const steps = planned.map(({ action, dependsOn, reasons, step }) => ({ name: step.name, action, ...(dependsOn === undefined ? {} : { dependsOn }), reasons }))
  if (output.json) {
    output.document({ pipeline: pipeline.name, runId: options.runId ?? null, steps })
    return ExitCode.success
  }
  output.line(renderTable({
    columns: [{}, {}, { maxWidth: 100 }],
    header: { cells: ["step", "would be", "because"] },
    rows: steps.map(({ action, dependsOn, name, reasons }) => ({
      cells: [
        name,
        { text: action === "restore" ? "restored" : action === "execute" ? "executed" : `depends on ${dependsOn ?? ""}`, tone: actions[action] },
        { text: describeReasons(reasons).join("; "), tone: "faint" }
      ]
    }))
  }, { columns: output.columns, color: output.color }))
  output.line()
  output.line(output.tone(`Nothing was done: this was a dry run${options.runId === undefined ? "" : ` of ${escapeControls(options.runId)}`}.`, "faint"))
  return ExitCode.success
}
