import process from "node:process"
import type { RunStatus } from "@uniflow/core"
import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { follow } from "../Following.ts"
import { onStopSignal } from "../Interruption.ts"
import { withStore } from "../openStore.ts"
import { renderReceipt } from "../Receipt.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface WatchInput {
  readonly runId: string
}

const codes: { readonly [status in RunStatus]: ExitCode } = {
  completed: ExitCode.success,
  interrupted: ExitCode.interrupted,
  failed: ExitCode.failed,
  crashed: ExitCode.failed,
  pending: ExitCode.failed,
  running: ExitCode.failed
}

/** `uniflow watch` */
export const watch: Handler<WatchInput> = async ({ runId }, context) => {
  const { output } = context
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    await recordOf(uniflow, runId)
    const following = follow(output, { runId, events: uniflow.watch(runId) })
    const release = onStopSignal(() => {
      following.stop()
      output.remark("No longer watching; the run goes on.")
      process.exit(ExitCode.interrupted)
    })
    await following.over
    release()
    const view = await uniflow.runs.get(runId)
    // A run whose process was found dead still stands as running.
    const status = following.status() ?? view.status
    const code = codes[status]
    const durationMs = (view.endedAtMs ?? Date.now()) - view.startedAtMs
    if (output.json) output.jsonLine({ _tag: "Result", runId, status, exitCode: code, metrics: view.metrics })
    else if (output.quiet) output.line(status)
    else {
      output.line()
      output.line(renderReceipt({ view: { ...view, status }, savedMs: 0, durationMs, stepCount: undefined, comparison: undefined, compareWith: undefined, warnings: [] }, { color: output.color, columns: output.columns }))
    }
    return code
  }, nothingRecorded(runId))
}
