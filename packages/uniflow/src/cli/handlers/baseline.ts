import { rename, rm, writeFile } from "node:fs/promises"
import { resolve } from "node:path"
import process from "node:process"
import { baselineOf, baselineText, escapeControls, formatCount, pinBaseline, pinnedBaseline, unpinBaseline } from "@uniflow/compare"
import { Filter, snapshot } from "@uniflow/core"
import { Effect } from "effect"
import type { AnyUniflow, Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { NotFound, UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface BaselineWriteInput {
  readonly file: string
  readonly runIds: ReadonlyArray<string>
  readonly experiment: string | undefined
  readonly pipeline: string | undefined
  readonly where: string | undefined
}

/** More repeats than this are no baseline that one would commit. */
const MOST_RUNS = 1000

const found = async (uniflow: AnyUniflow, { experiment, pipeline, where }: BaselineWriteInput): Promise<ReadonlyArray<string>> =>
  (await uniflow.runs.find({ experiment, pipeline, where, status: ["completed"], orderBy: "run.created", limit: MOST_RUNS + 1 }).toArray()).map(({ id }) => id)

/** Beside the file, then in its place: whoever reads it sees the old or the new one. */
const replaceFile = async (path: string, text: string): Promise<void> => {
  const part = `${path}.${process.pid}.part`
  try {
    await writeFile(part, text)
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw new UsageError(`Cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** `uniflow baseline write` */
export const baselineWrite: Handler<BaselineWriteInput> = async (input, context) => {
  const { file, runIds, where } = input
  const { output } = context
  const isSearch = where !== undefined || input.pipeline !== undefined || input.experiment !== undefined
  if (runIds.length > 0 === isSearch) throw new UsageError("Say which runs: give their ids, or search for them by --where, --pipeline or --experiment.")
  for (const id of runIds) await checkRunId(id)
  if (where !== undefined) Filter.parse(where)
  const nothing = runIds[0] === undefined ? (path: string) => Promise.reject(new NotFound(`No run is like that: nothing was ever recorded in ${path}.`)) : nothingRecorded(runIds[0])
  return withStore(context, async (uniflow) => {
    for (const id of runIds) await recordOf(uniflow, id)
    const ids = runIds.length > 0 ? [...new Set(runIds)] : await found(uniflow, input)
    if (ids.length === 0) throw new NotFound("No completed run is like that.")
    if (ids.length > MOST_RUNS) throw new UsageError(`More than ${MOST_RUNS} runs match; narrow them with --where.`)
    const baseline = baselineOf(await uniflow.runPromise(Effect.forEach(ids, snapshot, { concurrency: 4 })), Date.now())
    const path = resolve(context.cwd, file)
    await replaceFile(path, baselineText(baseline))
    if (output.json) output.document({ file: path, runs: ids, metrics: baseline.metrics.map(({ name }) => name) })
    else if (!output.quiet) output.line(`Wrote ${formatCount(baseline.metrics.length, "metric")} of ${formatCount(ids.length, "run")} to ${escapeControls(file)}. Commit it, and compare: uniflow experiment compare <runId> --against ${escapeControls(file)}`)
    return ExitCode.success
  }, nothing)
}

/** `uniflow baseline pin` */
export const baselinePin: Handler<{ readonly runId: string }> = async ({ runId }, context) => {
  const { output } = context
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    await recordOf(uniflow, runId)
    const { before, experiment } = await uniflow.runPromise(pinBaseline(runId))
    if (output.json) output.document({ experiment, baseline: runId, before: before ?? null })
    else if (!output.quiet) output.line(escapeControls(`${runId} is the baseline of ${experiment}${before === undefined ? "" : `, instead of ${before}`}.`))
    return ExitCode.success
  }, nothingRecorded(runId))
}

/** `uniflow baseline unpin` */
export const baselineUnpin: Handler<{ readonly experiment: string }> = async ({ experiment }, context) => {
  const { output } = context
  const none = (): Promise<never> => Promise.reject(new NotFound(`The experiment ${experiment} has no pinned baseline.`))
  return withStore(context, async (uniflow) => {
    const before = await uniflow.runPromise(unpinBaseline(experiment))
    if (before === undefined) return none()
    if (output.json) output.document({ experiment, before })
    else if (!output.quiet) output.line(escapeControls(`${experiment} has no baseline any more; it was ${before}.`))
    return ExitCode.success
  }, none)
}

/** `uniflow baseline show` */
export const baselineShow: Handler<{ readonly experiment: string }> = async ({ experiment }, context) => {
  const { output } = context
  const none = (): Promise<never> => Promise.reject(new NotFound(`The experiment ${experiment} has no pinned baseline. Pin one: uniflow baseline pin <runId>`))
  return withStore(context, async (uniflow) => {
    const pinned = await uniflow.runPromise(pinnedBaseline(experiment))
    if (pinned === undefined) return none()
    if (output.json) output.document({ experiment, baseline: pinned.run.id })
    else output.line(escapeControls(pinned.run.id))
    return ExitCode.success
  }, none)
}
