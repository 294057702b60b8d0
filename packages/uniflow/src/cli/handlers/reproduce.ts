/**
 * `uniflow reproduce`: executes a run again, in a worktree of the code that it was recorded with (or in the present
 * tree), into a scratch store, and compares what came out.
 */
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { escapeControls, type Reproduction, reproduction, reproductionSide, type ReproductionSide } from "@uniflow/compare"
import type { RunEvent } from "@uniflow/core"
import type { Schema } from "effect"
import type { AnyUniflow, Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { follow } from "../Following.ts"
import { codeOfSignal, onStopSignal, type StopSignal } from "../Interruption.ts"
import { withStore } from "../openStore.ts"
import { parsePairs } from "../ParamValues.ts"
import { codePlace, type CodeTreeInput, provideCode, type Session } from "../reproduce/CodeTree.ts"
import { execute, readPipeline } from "../reproduce/Execution.ts"
import { NotReproducible } from "../reproduce/NotReproducible.ts"
import { isUniflowCommand, readRecorded, type Recorded } from "../reproduce/Recorded.ts"
import { planReproduction } from "../reproduce/ReproductionPlan.ts"
import { openScratch, seedRun } from "../reproduce/Scratch.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface ReproduceInput extends CodeTreeInput {
  readonly tolerance: string | undefined
  readonly param: ReadonlyArray<string>
  readonly allowOnce: boolean
  readonly attempt: number | undefined
  readonly concurrency: number | undefined
  readonly keep: boolean
}

const toleranceOf = (text: string | undefined): number => {
  const tolerance = text === undefined ? 0 : Number(text)
  if (text?.trim() === "" || !(tolerance >= 0 && tolerance < 1)) throw new UsageError(`--tolerance "${escapeControls(text ?? "")}": it must be a number from 0 to below 1, such as 1e-9.`)
  return tolerance
}

const isRedacted = (json: Schema.Json | undefined): boolean => typeof json === "object" && json !== null && Object.hasOwn(json, "$redacted")

/** The recorded params, with the secrets that are given again. */
const paramsOf = ({ snapshot: { run } }: Recorded, given: ReadonlyMap<string, string>): { readonly [name: string]: Schema.Json } => {
  for (const name of given.keys()) {
    if (!isRedacted(run.params[name])) {
      throw new UsageError(`--param ${escapeControls(name)}: only secrets are given again, everything else is as it was recorded. uniflow fork ${run.id} --param … runs it with other params.`)
    }
  }
  const missing = Object.keys(run.params).filter((name) => isRedacted(run.params[name]) && !given.has(name))
  if (missing.length > 0) {
    throw new UsageError(`${missing.length === 1 ? `Param ${missing[0]} is a secret` : `Params ${missing.join(", ")} are secrets`}, and secrets are not recorded: give ${missing.length === 1 ? "it" : "them"} again by ${missing.map((name) => `--param ${name}=…`).join(" ")}.`)
  }
  return Object.fromEntries(Object.entries(run.params).map(([name, json]) => [name, given.get(name) ?? json]))
}

/** What was not as it was while it was executed again. */
const surroundings = (recorded: Recorded, { snapshot }: ReproductionSide): ReadonlyArray<string> => {
  const old = recorded.attempt.environment
  const now = snapshot.attempts.at(-1)?.environment
  if (now === undefined) return []
  const changed = Object.keys(old.packages).filter((name) => old.packages[name] !== now.packages[name])
  const named = changed.slice(0, 5).map((name) => `${name} ${old.packages[name]} -> ${now.packages[name] ?? "none"}`)
  return [
    ...old.runtime === now.runtime ? [] : [`${old.runtime} then, ${now.runtime} now`],
    ...old.platform === now.platform ? [] : [`${old.platform} then, ${now.platform} now`],
    ...old.uniflow === undefined || old.uniflow === now.uniflow ? [] : [`UniFlow ${old.uniflow} then, ${now.uniflow ?? "unknown"} now`],
    ...changed.length === 0 ? [] : [`installed are other versions: ${named.join(", ")}${changed.length > named.length ? `, and ${changed.length - named.length} more` : ""}`]
  ]
}

/** Shows one execution while it is under way. */
const showing = ({ context: { output } }: Session<ReproduceInput>, runId: string, pipeline: string, steps: ReadonlyArray<string>) => {
  const waiting: Array<RunEvent> = []
  let wake: () => void = () => {}
  let over = false
  const events = async function*(): AsyncGenerator<RunEvent> {
    for (;;) {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next
      if (over) return
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  const following = output.json ? undefined : follow(output, { runId, events: events(), pipeline, steps, sinceMs: Date.now() })
  return {
    onEvent: (event: RunEvent): void => {
      // The first attempt is the one that made the run in the scratch store.
      waiting.push("attempt" in event ? { ...event, attempt: event.attempt - 1 } : event)
      wake()
    },
    end: async (): Promise<void> => {
      over = true
      wake()
      await following?.over
      following?.stop()
    }
  }
}

const executeAgain = async (session: Session<ReproduceInput>, recorded: Recorded, scratch: AnyUniflow, before: ReproductionSide): Promise<Reproduction> => {
  const { context, folder, input } = session
  const { run } = recorded.snapshot
  const params = paramsOf(recorded, parsePairs("--param", input.param))
  const { remarks, root } = await provideCode(session, recorded)
  const place = codePlace(session, recorded, root)
  const planned = await readPipeline(place, run.pipeline)
  const { given, notExecuted, trust, until } = planReproduction(planned, recorded.snapshot, input.allowOnce)
  await seedRun(scratch, before, given)
  for (const target of until ?? [undefined]) {
    const shown = showing(session, run.id, run.pipeline, planned.map(({ name }) => name))
    const ended = await execute(place, {
      runId: run.id,
      pipeline: run.pipeline,
      params,
      seed: run.seed,
      directory: join(folder, "store"),
      until: target,
      trust,
      concurrency: input.concurrency,
      onEvent: shown.onEvent
    }).finally(shown.end)
    const begun = (await scratch.runs.get(run.id)).attempts.length > 1
    if (ended.code !== 0 && (ended.code !== ExitCode.failed || !begun)) throw new NotReproducible(`The run could not be executed again: ${ended.issue}`)
  }
  const after = await scratch.runPromise(reproductionSide(run.id))
  const { argv } = recorded.attempt.environment
  context.output.remark("")
  return scratch.runPromise(reproduction(before, { ...after, snapshot: { ...after.snapshot, steps: after.snapshot.steps.filter(({ step }) => !given.has(step)) } }, {
    tolerance: toleranceOf(input.tolerance),
    notExecuted,
    remarks: [
      ...recorded.remarks,
      ...remarks,
      ...surroundings(recorded, after),
      ...isUniflowCommand(argv) ? [] : ["a script began the run; its pipeline was executed by the command, so what the script itself does was not"]
    ]
  }))
}

/** `uniflow reproduce` */
export const reproduce: Handler<ReproduceInput> = async (input, context) => {
  const { output } = context
  toleranceOf(input.tolerance)
  parsePairs("--param", input.param)
  await checkRunId(input.runId)
  return withStore(context, async (uniflow) => {
    await recordOf(uniflow, input.runId)
    const recorded = await readRecorded(uniflow, input.runId, input.attempt)
    const stop = new AbortController()
    let received: StopSignal | undefined
    const release = onStopSignal((signal) => {
      received = signal
      output.remark("Stopping, and removing what was made …")
      stop.abort(signal)
    })
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-reproduce-")))
    const session: Session<ReproduceInput> = { context, input, folder, signal: stop.signal, undo: [] }
    let scratch: AnyUniflow | undefined
    try {
      const before = await uniflow.runPromise(reproductionSide(input.runId))
      scratch = await openScratch(join(folder, "store"), uniflow)
      const { argv } = recorded.attempt.environment
      if (argv.length > 0) output.remark(`Recorded: ${escapeControls(argv.slice(1).join(" "))}`)
      const result = await executeAgain(session, recorded, scratch, before)
      if (output.json) output.document({ ...result, attempt: recorded.attempt.attempt, argv, ...input.keep ? { folder } : {} })
      else output.line(output.quiet ? result.verdict : result.toString({ columns: output.columns, color: output.color }))
      return result.verdict === "different" ? ExitCode.different : result.verdict === "not checked" ? ExitCode.notReproducible : ExitCode.success
    } catch (error) {
      if (received !== undefined) return codeOfSignal(received)
      throw error
    } finally {
      await scratch?.close()
      await cleanUp(session)
      release()
    }
  }, nothingRecorded(input.runId))
}

const cleanUp = async ({ context: { output }, folder, input, undo }: Session<ReproduceInput>): Promise<void> => {
  if (input.keep) return output.remark(`Kept: ${folder} (git worktree remove --force ${join(folder, "worktree")} removes the worktree)`)
  for (const one of undo.toReversed()) await one().catch(() => {})
  rmSync(folder, { recursive: true, force: true })
}
