import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { withStore } from "../openStore.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface NoteInput {
  readonly runId: string
  readonly text: string | undefined
}

/** `uniflow experiment note` */
export const experimentNote: Handler<NoteInput> = async ({ runId, text }, context) => {
  const { output } = context
  const note = text === undefined || text.trim() === "" ? null : text
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    await recordOf(uniflow, runId)
    await uniflow.runs.note(runId, note)
    if (output.json) output.document({ runId, note })
    else if (!output.quiet) output.line(note === null ? `${runId}: note removed` : `${runId}: note written`)
    return ExitCode.success
  }, nothingRecorded(runId))
}
