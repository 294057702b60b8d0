import { RunView } from "@uniflow/core"
import { abandonedOf } from "../Abandoned.ts"
import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { withStore } from "../openStore.ts"
import { renderPage } from "../RunPage.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface ShowInput {
  readonly runId: string
}

/** `uniflow experiment show` */
export const experimentShow: Handler<ShowInput> = async ({ runId }, context) => {
  const { output } = context
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    const run = await recordOf(uniflow, runId)
    const view = await uniflow.runs.get(runId)
    if (output.json) output.raw(`${RunView.stringify(view, output.isTerminal ? 2 : undefined)}\n`)
    else {
      const abandoned = view.status === "running" && (await abandonedOf(uniflow, [run])).has(runId)
      output.line(renderPage(abandoned ? { ...view, status: "crashed" } : view, { color: output.color, columns: output.columns, nowMs: Date.now() }))
    }
    return ExitCode.success
  }, nothingRecorded(runId))
}
