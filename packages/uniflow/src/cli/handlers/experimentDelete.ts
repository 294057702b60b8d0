import process from "node:process"
import { createInterface } from "node:readline/promises"
import { escapeControls, formatCount } from "@uniflow/compare"
import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface DeleteInput {
  readonly runId: string
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
export const experimentDelete: Handler<DeleteInput> = async ({ runId, yes }, context) => {
  const { output } = context
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    const run = await recordOf(uniflow, runId)
    if (!yes) {
      if (output.json || process.stdin.isTTY !== true || !output.isTerminal) throw new UsageError(`Nobody can be asked here: to delete run "${runId}", add --yes.`)
      if (!(await confirm(`Delete ${escapeControls(run.id)} (${escapeControls(run.pipeline)}, ${run.status}, ${formatCount(run.attempts, "attempt")})?`))) {
        output.line("Nothing was deleted.")
        return ExitCode.usage
      }
    }
    await uniflow.runs.remove(runId)
    if (output.json) output.document({ runId, deleted: true })
    else if (!output.quiet) output.line(`Deleted ${runId}. uniflow gc frees its bytes.`)
    return ExitCode.success
  }, nothingRecorded(runId))
}
