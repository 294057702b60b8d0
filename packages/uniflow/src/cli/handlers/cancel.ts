import { abandonedOf } from "../Abandoned.ts"
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
    const run = await recordOf(uniflow, runId)
    const { status } = run
    if (status !== "running") throw new UsageError(`Run "${runId}" is ${status}, not running: there is nothing to cancel.`)
    if ((await abandonedOf(uniflow, [run])).has(runId)) {
      throw new UsageError(`Run "${runId}" stands as running, and its process is dead: there is nothing to cancel. Go on with it: uniflow resume ${runId}`)
    }
    await uniflow.cancel(runId)
    if (output.json) output.document({ runId, cancelRequested: true })
    else if (!output.quiet) output.line(`Asked ${runId} to stop. Its process does so at once; see it with: uniflow watch ${runId}`)
    return ExitCode.success
  }, nothingRecorded(runId))
}
