import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface CancelInput {
  readonly runId: string
}

/** `uniflow cancel` */
export const cancel: Handler<CancelInput> = async ({ runId }, context) => {
  const { output } = context
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    const { status } = await recordOf(uniflow, runId)
    if (status !== "running") throw new UsageError(`Run "${runId}" is ${status}, not running: there is nothing to cancel.`)
    await uniflow.cancel(runId)
    if (output.json) output.document({ runId, cancelRequested: true })
    else if (!output.quiet) output.line(`Asked ${runId} to stop. Its process does so at once; see it with: uniflow watch ${runId}`)
    return ExitCode.success
  }, nothingRecorded(runId))
}
