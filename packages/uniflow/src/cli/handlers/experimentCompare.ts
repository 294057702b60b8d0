import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface CompareInput {
  readonly runIds: ReadonlyArray<string>
  readonly all: boolean
  readonly format: "table" | "json" | "md" | undefined
}

/** `uniflow experiment compare` */
export const experimentCompare: Handler<CompareInput> = async ({ all, format, runIds }, context) => {
  const { output } = context
  for (const id of runIds) await checkRunId(id)
  if (runIds.length < 2) throw new UsageError(`Give at least two runs to compare; uniflow experiment show ${runIds[0]} shows one.`)
  return withStore(context, async (uniflow) => {
    for (const id of runIds) await recordOf(uniflow, id)
    const comparison = await uniflow.compareRuns(runIds)
    if (output.json || format === "json") output.document(comparison.toJSON())
    else if (format === "md") output.line(comparison.toMarkdown({ all }))
    else output.line(comparison.toString({ all, color: output.color, columns: output.columns }))
    return ExitCode.success
  }, nothingRecorded(runIds[0]!))
}
