import process from "node:process"
import { createInterface } from "node:readline/promises"
import { escapeControls, formatBytes, formatCount } from "@uniflow/compare"
import { GarbageCollector } from "@uniflow/core"
import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface DeleteInput {
  readonly runId: string
  readonly purge: boolean
  readonly dryRun: boolean
  readonly yes: boolean
}

const confirm = async (question: string): Promise<boolean> => {
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `)).trim())
  } finally {
    reader.close()
  }
}

/** `uniflow experiment delete` */
export const experimentDelete: Handler<DeleteInput> = async ({ dryRun, purge, runId, yes }, context) => {
  const { output } = context
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    const run = await recordOf(uniflow, runId)
    if (dryRun) {
      const { sizeBytes } = await uniflow.runPromise(GarbageCollector.purge(runId, { dryRun }))
      if (output.json) output.document({ runId, deleted: false, dryRun, most: { sizeBytes } })
      else if (!output.quiet) output.line(`Would delete ${runId}. It refers to ${formatBytes(sizeBytes)}, of which ${purge ? "this" : "uniflow gc"} frees what nothing else refers to.`)
      return ExitCode.success
    }
    if (!yes) {
      if (output.json || process.stdin.isTTY !== true || !output.isTerminal) throw new UsageError(`Nobody can be asked here: to delete run "${runId}", add --yes.`)
      if (!(await confirm(`Delete ${escapeControls(run.id)} (${escapeControls(run.pipeline)}, ${run.status}, ${formatCount(run.attempts, "attempt")})?`))) {
        output.line("Nothing was deleted.")
        return ExitCode.usage
      }
    }
    if (purge) {
      const { count, keptBytes, sizeBytes } = await uniflow.runs.purge(runId)
      if (output.json) output.document({ runId, deleted: true, freed: { count, sizeBytes }, keptBytes })
      else if (!output.quiet) {
        output.line(`Deleted ${runId}, and freed ${formatBytes(sizeBytes)}.${keptBytes === 0 ? "" : ` ${formatBytes(keptBytes)} of it stay: other runs refer to them, or may be about to.`}`)
      }
      return ExitCode.success
    }
    await uniflow.runs.remove(runId)
    if (output.json) output.document({ runId, deleted: true })
    else if (!output.quiet) output.line(`Deleted ${runId}. uniflow gc frees its bytes.`)
    return ExitCode.success
  }, nothingRecorded(runId))
}
