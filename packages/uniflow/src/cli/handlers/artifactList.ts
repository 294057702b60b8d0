import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { withStore } from "../openStore.ts"
import { renderArtifacts } from "../RunPage.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface ArtifactListInput {
  readonly runId: string
}

/** `uniflow artifact list` */
export const artifactList: Handler<ArtifactListInput> = async ({ runId }, context) => {
  const { output } = context
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    await recordOf(uniflow, runId)
    const view = await uniflow.runs.get(runId)
    if (output.json) output.document({ runId, artifacts: view.artifacts })
    else if (output.quiet) for (const { name } of view.artifacts) output.line(JSON.stringify(name).slice(1, -1))
    else if (view.artifacts.length === 0) output.line("The run has no artifacts.")
    else output.line(renderArtifacts(view, { color: output.color, columns: output.columns }))
    return ExitCode.success
  }, nothingRecorded(runId))
}
