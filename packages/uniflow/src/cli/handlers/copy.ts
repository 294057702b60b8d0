import process from "node:process"
import { escapeControls, formatBytes, formatCount } from "@uniflow/compare"
import { Filter, type RunRecord } from "@uniflow/core"
import { CopyRuns } from "@uniflow/node"
import { Cause, Effect, Exit } from "effect"
import { isSame, openSource, openTarget, placeOf } from "../CopyPlaces.ts"
import type { Context, Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { NotFound, UsageError } from "../Failure.ts"
import { codeOfSignal, onStopSignal, type StopSignal } from "../Interruption.ts"
import { checkRunId } from "../runRecord.ts"

export interface CopyInput {
  readonly from: string
  readonly to: string
  readonly run: ReadonlyArray<string>
  readonly experiment: string | undefined
  readonly pipeline: string | undefined
  readonly status: ReadonlyArray<RunRecord["status"]>
  readonly where: string | undefined
  readonly existing: CopyRuns.Existing
  readonly dryRun: boolean
}

/** Shows how far it has come on a terminal's line of remarks. */
const progress = ({ output }: Context): { readonly show: (at: number, of: number) => void; readonly clear: () => void } => {
  const shows = process.stderr.isTTY === true && !output.json && !output.quiet
  return {
    show: (at, of) => void (shows && process.stderr.write(`\r${at} of ${formatCount(of, "run")}\u001b[K`)),
    clear: () => void (shows && process.stderr.write("\r\u001b[K"))
  }
}

const counted = (runs: CopyRuns.CopyResult["runs"], outcome: CopyRuns.CopiedRun["outcome"]): number => runs.filter((run) => run.outcome === outcome).length

const tell = ({ output }: Context, { damaged, redacted, runs, sizeBytes }: CopyRuns.CopyResult, dryRun: boolean): void => {
  for (const { as, id } of runs) if (as !== id) output.line(`${escapeControls(id)} ${dryRun ? "would get" : "has"} the id ${escapeControls(as)}`)
  if (dryRun) for (const { as, id, outcome } of runs) if (outcome === "copied" && as === id) output.line(escapeControls(id))
  const meaning = { same: "there already", skipped: "left out, their ids being taken", gone: "removed meanwhile" }
  const more = (["same", "skipped", "gone"] as const).flatMap((outcome) => {
    const count = counted(runs, outcome)
    return count === 0 ? [] : [`${count} ${meaning[outcome]}`]
  })
  const copied = formatCount(counted(runs, "copied"), "run")
  output.line(`${dryRun ? `Would copy ${copied}` : `Copied ${copied} with ${formatBytes(sizeBytes)} of outputs and artifacts, and read back what was written`}${more.length === 0 ? "" : ` (${more.join(", ")})`}.`)
  if (redacted.length > 0) {
    output.remark(`Secret params of ${formatCount(redacted.length, "run")} (${escapeControls(redacted.slice(0, 3).join(", "))}${redacted.length > 3 ? ", …" : ""}) are kept as hashes under the other store's key: `
      + "to resume such a run here says that its params changed. Fork it: uniflow fork")
  }
  if (damaged.length > 0) {
    output.remark(`${formatCount(damaged.length, "object")} that runs refer to are missing or damaged in the source (${escapeControls(damaged[0]!.runId)} …): `
      + "those steps are executed again when their run is resumed. See --json for all")
  }
}

/** `uniflow copy` */
export const copy: Handler<CopyInput> = async ({ dryRun, from, run, status, to, ...rest }, context) => {
  const { output } = context
  for (const id of run) await checkRunId(id)
  // What cannot be understood is refused before anything is opened.
  if (rest.where !== undefined) Filter.parse(rest.where)
  const source = placeOf(from, context.cwd, true)
  const target = placeOf(to, context.cwd, false)
  if (isSame(source, target)) throw new UsageError(`${source.path} cannot be copied to itself.`)
  const { clear, show } = progress(context)
  const work = Effect.gen(function*() {
    const opened = yield* openSource(source)
    if (run.length > 0) {
      const found = new Set(yield* opened.select({ ids: run }))
      const unknown = run.filter((id) => !found.has(id))
      if (unknown.length > 0) return yield* Effect.fail(new NotFound(`${opened.name} has no run ${unknown.map((id) => `"${id}"`).join(", ")}.`))
    }
    return yield* CopyRuns.copy(opened, yield* openTarget(target), {
      ...rest, ids: run, status: status.length === 0 ? undefined : status, dryRun, onRun: (_, at, of) => show(at, of)
    })
  })
  const stopping = new AbortController()
  let stopped: StopSignal | undefined
  const restore = onStopSignal((signal) => {
    stopped = signal
    stopping.abort()
  })
  const exit = await Effect.runPromiseExit(Effect.scoped(work), { signal: stopping.signal })
  restore()
  clear()
  if (Exit.isFailure(exit)) {
    if (stopped === undefined) throw Cause.squash(exit.cause)
    const kept = target.kind === "archive" ? "Nothing was kept of the archive" : "What was copied is whole; the same command goes on with what is missing"
    if (output.json) output.document({ interrupted: true })
    output.remark(`Stopped. ${kept}.`)
    return codeOfSignal(stopped)
  }
  const result = exit.value
  if (output.json) output.document({ from: source.path, to: target.path, dryRun, ...result })
  else if (output.quiet) for (const { as } of result.runs.filter(({ outcome }) => outcome === "copied")) output.line(as)
  else tell(context, result, dryRun)
  return result.damaged.length === 0 ? ExitCode.success : ExitCode.failed
}
