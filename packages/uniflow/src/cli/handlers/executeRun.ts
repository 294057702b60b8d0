/** Runs a pipeline, or resumes a run, and shows it: what `uniflow run` and `uniflow resume` share. */
import type { Comparison } from "@uniflow/compare"
import { type Pipeline, type RunResult, RunStore, type RunView, type StepRecord, type StoredError } from "@uniflow/core"
import { Effect } from "effect"
import type { AnyUniflow, Context } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { describeFailure } from "../Failure.ts"
import { follow } from "../Following.ts"
import { codeOfSignal, onStopSignal, type StopSignal } from "../Interruption.ts"
import { countsOf, renderReceipt } from "../Receipt.ts"
import { timeSavedMs } from "../TimeSaved.ts"

/** What is told of a result, be it of a run or of a part of one. */
type Ended = Pick<RunResult, "warnings">

/** Begins a run; options as `Uniflow.start` and `Uniflow.resume` take them. */
export type Begin = (uniflow: AnyUniflow) => {
  readonly id: string
  readonly result: Promise<Ended>
  readonly events: ReturnType<AnyUniflow["watch"]>
}

/** Errors after which the run was never taken: there is nothing of this attempt to show. */
const notTaken = new Set([
  "RunIsActive", "RunParamsChanged", "RunNotFound", "InvalidInput", "InvalidPipeline", "StrictMismatch", "CrashLoop", "StoreError"
])

const historyOf = (uniflow: AnyUniflow) => (runId: string): Promise<ReadonlyArray<StepRecord>> =>
  uniflow.runPromise(Effect.flatMap(RunStore, (store) => store.steps(runId)))

/** The newest completed run of the pipeline besides this one. */
const runBefore = async (uniflow: AnyUniflow, view: RunView.RunView): Promise<string | undefined> =>
  (await uniflow.runs.find({ pipeline: view.pipeline, status: ["completed"], limit: 2 }).toArray()).find(({ id }) => id !== view.id)?.id

/** What differs between a fork and its parent; undefined where that one was deleted. */
const withParent = (uniflow: AnyUniflow, parent: string, id: string): Promise<Comparison | undefined> =>
  uniflow.compareRuns([parent, id]).catch((error: unknown) => {
    if (describeFailure(error).code === "RunNotFound") return undefined
    throw error
  })

/** Runs it to its end, whatever that is, and tells about it. */
export const executeRun = async (context: Context, uniflow: AnyUniflow, pipeline: Pipeline.Any, begin: Begin): Promise<ExitCode> => {
  const { output } = context
  const begunAtMs = Date.now()
  let received: StopSignal | undefined
  const run = begin(uniflow)
  const following = follow(output, {
    runId: run.id,
    events: run.events,
    pipeline: pipeline.name,
    steps: pipeline.steps.map(({ name }) => name),
    sinceMs: begunAtMs
  })
  const events = following.over.catch(() => {})
  const release = onStopSignal((signal) => {
    received = signal
    following.say(`Stopping, the run will be resumable … (${signal === "SIGINT" ? "Ctrl-C" : signal} again to quit at once)`)
    if (!output.live) output.remark("")
    void uniflow.interrupt(signal === "SIGINT" ? "Ctrl-C" : signal)
  })
  let error: unknown
  let result: Ended | undefined
  try {
    result = await run.result
  } catch (caught) {
    error = caught
  }
  const tag = error === undefined ? undefined : describeFailure(error).code
  const taken = tag === undefined || !notTaken.has(tag) || (tag === "StoreError" && following.begun())
  // The last events are told by the store, a moment after the run has ended.
  if (taken) await Promise.race([events, new Promise((resolve) => setTimeout(resolve, 2000).unref())])
  following.stop()
  release()
  const code = received !== undefined && error !== undefined ? codeOfSignal(received) : error === undefined ? ExitCode.success : describeFailure(error).exitCode
  if (taken) {
    try {
      const view = await uniflow.runs.get(run.id)
      error = recorded(error, view)
      await tell(context, uniflow, view, { pipeline, result, error, code, durationMs: Date.now() - begunAtMs })
    } catch (caught) {
      // Where the run was lost with its store, its own error says more than that the receipt cannot be read.
      if (error === undefined) throw caught
    }
  } else if (output.json) output.jsonLine({ _tag: "Result", runId: run.id, status: null, exitCode: code })
  // On a terminal the receipt has said it.
  if (error !== undefined && !(taken && output.isTerminal && !output.quiet && !output.json && !output.verbose)) output.fail(error)
  return code
}

/** The error as it is recorded: what is printed may end in a log, and only there are secrets redacted. */
const recorded = (error: unknown, { error: stored, status }: RunView.RunView): unknown => {
  if (error === undefined || stored === null || status !== "failed") return error
  const stacks: Array<string> = []
  for (let at: StoredError | undefined = stored; at !== undefined; at = at.cause) stacks.push(at.stack ?? `${at.name}: ${at.message}`)
  return Object.assign(new Error(stored.message), { _tag: describeFailure(error).code, stack: stacks.join("\ncaused by: ") })
}

const tell = async (context: Context, uniflow: AnyUniflow, view: RunView.RunView, ended: {
  readonly pipeline: Pipeline.Any
  readonly result: Ended | undefined
  readonly error: unknown
  readonly code: ExitCode
  readonly durationMs: number
}): Promise<void> => {
  const { output } = context
  const { id } = view
  const savedMs = await timeSavedMs(await uniflow.runs.snapshot(id), historyOf(uniflow))
  const comparison = view.status === "completed" && view.parent !== null ? await withParent(uniflow, view.parent, id) : undefined
  if (output.json) {
    return output.jsonLine({
      _tag: "Result",
      runId: id,
      status: view.status,
      exitCode: ended.code,
      pipeline: view.pipeline,
      experiment: view.experiment,
      attempt: view.attempts.length,
      durationMs: ended.durationMs,
      savedMs,
      counts: countsOf(view),
      metrics: view.metrics,
      decisions: Object.fromEntries(view.steps.map(({ decision, name, reasons, status }) => [name, { decision, status, reasons }])),
      warnings: ended.result?.warnings ?? [],
      ...(comparison === undefined ? {} : { parent: view.parent, comparison: comparison.differing() }),
      ...(ended.error === undefined ? {} : { error: { code: describeFailure(ended.error).code, message: describeFailure(ended.error).message } })
    })
  }
  if (output.quiet) return output.line(id)
  output.line()
  output.line(renderReceipt({
    view,
    savedMs,
    durationMs: ended.durationMs,
    stepCount: ended.pipeline.steps.length,
    comparison,
    compareWith: view.parent === null ? await runBefore(uniflow, view) : comparison?.runs[0]?.id,
    warnings: ended.result?.warnings ?? []
  }, { color: output.color, columns: output.columns }))
}
