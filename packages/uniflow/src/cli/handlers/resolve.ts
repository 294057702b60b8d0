import { escapeControls } from "@uniflow/compare"
import { JsonText, type Resolution } from "@uniflow/core"
import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface ResolveInput {
  readonly runId: string
  readonly step: string
  readonly output: string | undefined
  readonly failed: boolean
  readonly rerun: boolean
}

const resolutionOf = ({ failed, output, rerun }: ResolveInput): Resolution.Resolution => {
  if (Number(output !== undefined) + Number(failed) + Number(rerun) !== 1) throw new UsageError("Say what happened with exactly one of --output <json>, --failed and --rerun.")
  if (output === undefined) return failed ? { failed: true } : { rerun: true }
  try {
    return { output: JsonText.parse(output) }
  } catch {
    throw new UsageError("--output must be JSON, such as '{\"id\": 1}', '\"text\"' or null.")
  }
}

/** `uniflow resolve` */
export const resolve: Handler<ResolveInput> = async (input, context) => {
  const { output } = context
  const { runId, step } = input
  const resolution = resolutionOf(input)
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    await recordOf(uniflow, runId)
    await uniflow.resolve(runId, step, resolution)
    if (output.json) output.document({ runId, step, resolution })
    else if (!output.quiet) output.line(`Recorded for step ${escapeControls(step)}: ${"output" in resolution ? "it took effect" : "failed" in resolution ? "it did not take effect" : "it shall run again"}. Go on with: uniflow resume ${runId}`)
    return ExitCode.success
  }, nothingRecorded(runId))
}
