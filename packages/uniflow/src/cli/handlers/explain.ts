import { escapeControls, renderTable } from "@uniflow/compare"
import { describeReasons } from "../Reasons.ts"
import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { NotFound } from "../Failure.ts"
import { lookOfPhase } from "../Look.ts"
import { withStore } from "../openStore.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"
import { suggest } from "../Suggestion.ts"

export interface ExplainInput {
  readonly runId: string
  readonly step: string | undefined
  readonly items: boolean
}

/** `uniflow explain` */
export const explain: Handler<ExplainInput> = async ({ items, runId, step }, context) => {
  const { output } = context
  await checkRunId(runId)
  return withStore(context, async (uniflow) => {
    const run = await recordOf(uniflow, runId)
    const explanation = await uniflow.runs.explain(runId, { items, ...(step === undefined ? {} : { step }) })
    if (step !== undefined && explanation.steps.length === 0) {
      const { steps } = await uniflow.runs.explain(runId)
      throw new NotFound(`Run "${runId}" has no decision about a step "${step}". ${suggest(step, steps.map(({ name }) => name), "steps")}`)
    }
    if (output.json) {
      output.document(explanation.toJSON())
      return ExitCode.success
    }
    const { tone } = output
    output.line(`${tone(escapeControls(run.pipeline), "strong")}  ${tone(escapeControls(run.id), "faint")}  ${run.status}`)
    if (explanation.steps.length === 0) output.line("\nNothing has been decided yet.")
    else {
      output.line()
      output.line(renderTable({
        columns: [{}, {}, {}, { maxWidth: 110 }],
        rows: explanation.steps.flatMap(({ decision, name, reasons }) => {
          const look = lookOfPhase(decision)
          const [first = "", ...others] = describeReasons(reasons)
          return [
            { cells: [{ text: look.symbol, tone: look.tone }, name, { text: decision, tone: look.tone }, first] },
            ...others.map((reason) => ({ cells: ["", "", "", reason] }))
          ]
        })
      }, { columns: output.columns, color: output.color }))
    }
    return ExitCode.success
  }, nothingRecorded(runId))
}
