import { escapeControls } from "@uniflow/compare"
import { metricValues, type RunQuery, type RunRecord, RunStore, type SeriesRecord } from "@uniflow/core"
import { Effect } from "effect"
import { abandonedOf } from "../Abandoned.ts"
import type { AnyUniflow, Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"
import { parsePairs } from "../ParamValues.ts"
import { checkRunId, recordOf } from "../runRecord.ts"
import { type ListedRun, renderRuns } from "../RunTable.ts"

export interface ListInput {
  readonly experiment: string | undefined
  readonly pipeline: string | undefined
  readonly status: ReadonlyArray<RunRecord["status"]>
  readonly tag: ReadonlyArray<string>
  readonly limit: number
  readonly after: string | undefined
}

const MAX = 1000

/** The newest generation of each series: what a step logged last. */
const newest = (series: ReadonlyArray<SeriesRecord>): ReadonlyArray<SeriesRecord> => {
  const last = new Map<string, SeriesRecord>()
  for (const one of series) {
    if (one.address.includes("[")) continue
    const id = `${one.address}\u0000${one.key}`
    if ((last.get(id)?.generation ?? 0) <= one.generation) last.set(id, one)
  }
  return [...last.values()]
}

const withMetrics = (uniflow: AnyUniflow, runs: ReadonlyArray<RunRecord>): Promise<ReadonlyArray<ListedRun>> =>
  uniflow.runPromise(Effect.flatMap(RunStore, (store) =>
    Effect.forEach(runs, (run) =>
      Effect.map(store.series(run.id), (series) => ({
        run,
        metrics: Object.fromEntries([...metricValues(newest(series))].map(([name, { summary }]) => [name, summary.last]))
      })))))

/** A page of runs, and whether there are more. */
const page = async (uniflow: AnyUniflow, input: ListInput): Promise<{ readonly runs: ReadonlyArray<RunRecord>; readonly more: boolean }> => {
  const tags = [...parsePairs("--tag", input.tag)]
  const { experiment, limit, pipeline, status } = input
  const start = input.after === undefined ? undefined : await recordOf(uniflow, input.after)
  const runs: Array<RunRecord> = []
  let after: RunQuery["after"] = start
  for (;;) {
    const size = tags.length === 0 ? limit + 1 - runs.length : MAX
    const found = await uniflow.runs.find({ experiment, pipeline, status: status.length === 0 ? undefined : status, after, limit: Math.min(MAX, size) })
    runs.push(...found.filter((run) => tags.every(([name, value]) => Object.hasOwn(run.tags, name) && run.tags[name] === value)))
    after = found.at(-1)
    if (runs.length > limit || after === undefined || found.length < Math.min(MAX, size)) return { runs: runs.slice(0, limit), more: runs.length > limit }
  }
}

/** `uniflow experiment list` */
export const experimentList: Handler<ListInput> = async (input, context) => {
  const { output } = context
  if (!(input.limit >= 1 && input.limit <= MAX)) throw new UsageError(`--limit must be a whole number from 1 to ${MAX}.`)
  if (input.after !== undefined) await checkRunId(input.after)
  parsePairs("--tag", input.tag)
  return withStore(context, async (uniflow) => {
    const { more, runs } = await page(uniflow, input)
    if (output.quiet && !output.json) {
      for (const run of runs) output.line(run.id)
      return ExitCode.success
    }
    const listed = await withMetrics(uniflow, runs)
    if (output.json) {
      output.document({ runs: listed.map(({ metrics, run }) => ({ ...run, metrics })), more })
      return ExitCode.success
    }
    if (listed.length === 0) output.line(filters(input) ? "No run is like that." : "No runs yet. Begin one: uniflow run <pipeline>")
    else {
      const abandoned = await abandonedOf(uniflow, runs)
      const shown = listed.map(({ metrics, run }): ListedRun => ({ metrics, run: abandoned.has(run.id) ? { ...run, status: "crashed" } : run }))
      output.line(renderRuns(shown, { columns: output.columns, color: output.color, nowMs: Date.now() }))
    }
    if (more) output.line(`\n${output.tone(`There are more: add --after ${escapeControls(runs.at(-1)!.id)}`, "faint")}`)
    return ExitCode.success
  }, async () => {
    if (output.json) output.document({ runs: [], more: false })
    else if (!output.quiet) output.line("No runs yet. Begin one: uniflow run <pipeline>")
    return ExitCode.success
  })
}

const filters = ({ after, experiment, pipeline, status, tag }: ListInput): boolean =>
  after !== undefined || experiment !== undefined || pipeline !== undefined || status.length > 0 || tag.length > 0
