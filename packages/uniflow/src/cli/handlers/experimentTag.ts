import type { Handler } from "../Context.ts"
import { escapeControls } from "@uniflow/compare"
import { ExitCode } from "../ExitCode.ts"
import { withStore } from "../openStore.ts"
import { parsePairs } from "../ParamValues.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface TagInput {
  readonly runId: string
  readonly tags: ReadonlyArray<string>
}

/** `uniflow experiment tag` */
export const experimentTag: Handler<TagInput> = async ({ runId, tags }, context) => {
  const { output } = context
  await checkRunId(runId)
  const given = Object.fromEntries([...parsePairs("tag", tags)].map(([name, value]) => [name, value === "" ? null : value]))
  return withStore(context, async (uniflow) => {
    await recordOf(uniflow, runId)
    await uniflow.runs.tag(runId, given)
    const { tags: now } = await recordOf(uniflow, runId)
    if (output.json) output.document({ runId, tags: now })
    else if (!output.quiet) output.line(`${runId}: ${Object.entries(now).map(([name, value]) => escapeControls(`${name}=${value}`)).join(" ") || "no tags"}`)
    return ExitCode.success
  }, nothingRecorded(runId))
}
