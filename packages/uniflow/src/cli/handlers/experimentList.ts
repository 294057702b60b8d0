import { escapeControls, pinnedBaseline } from "@uniflow/compare"
import { Filter, FindRuns, type FoundRun, type RunRecord } from "@uniflow/core"
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
  readonly where: string | undefined
  readonly sort: string | undefined
  readonly columns: string | undefined
  readonly limit: number
  readonly after: string | undefined
}

const MAX = 1000

/** What runs must be like: `--where`, and `--tag` as conditions of the same kind. */
const filterOf = ({ tag, where }: Pick<ListInput, "tag" | "where">): Filter.Filter => ({
  _tag: "And",
  filters: [
    ...[...parsePairs("--tag", tag)].map(([name, value]): Filter.Filter => ({ _tag: "Compare", field: { _tag: "Tag", name }, comparison: "=", value })),
    ...(where === undefined ? [] : [Filter.parse(where)])
  ]
})

/** A page of runs, and whether there are more. */
const page = async (uniflow: AnyUniflow, input: ListInput): Promise<{ readonly runs: ReadonlyArray<FoundRun>; readonly more: boolean }> => {
  const { experiment, limit, pipeline, sort, status } = input
  if (input.after !== undefined) await recordOf(uniflow, input.after)
  const next = await uniflow.runPromise(FindRuns.pages({
    experiment, pipeline, status: status.length === 0 ? undefined : status, where: filterOf(input), orderBy: sort, after: input.after, limit: limit + 1
  }))
  const runs: Array<FoundRun> = []
  while (true) {
    const found = await uniflow.runPromise(next)
    runs.push(...found)
    if (found.length === 0 || runs.length > limit) return { runs: runs.slice(0, limit), more: runs.length > limit }
  }
}

/** The pinned baselines of the experiments that runs belong to, by experiment. */
const baselinesOf = async (uniflow: AnyUniflow, runs: ReadonlyArray<FoundRun>): Promise<ReadonlyMap<string, NonNullable<ListedRun["baseline"]>>> => {
  const baselines = new Map<string, NonNullable<ListedRun["baseline"]>>()
  for (const experiment of new Set(runs.map(({ run }) => run.experiment))) {
    const pinned = await uniflow.runPromise(pinnedBaseline(experiment))
    if (pinned !== undefined) baselines.set(experiment, { id: pinned.run.id, metrics: FindRuns.metricsOf(pinned) })
  }
  return baselines
}

/** `uniflow experiment list` */
export const experimentList: Handler<ListInput> = async (input, context) => {
  const { output } = context
  if (!(input.limit >= 1 && input.limit <= MAX)) throw new UsageError(`--limit must be a whole number from 1 to ${MAX}.`)
  if (input.after !== undefined) await checkRunId(input.after)
  // What cannot be understood is refused before anything is opened.
  filterOf(input)
  if (input.sort !== undefined) Filter.parseOrder(input.sort)
  const fields = input.columns === undefined ? undefined : Filter.parseFields(input.columns)
  return withStore(context, async (uniflow) => {
    const { more, runs } = await page(uniflow, input)
    if (output.quiet && !output.json) {
      for (const { run } of runs) output.line(run.id)
      return ExitCode.success
    }
    const baselines = await baselinesOf(uniflow, runs)
    const listed = runs.map((found): ListedRun => ({
      run: found.run,
      baseline: baselines.get(found.run.experiment),
      metrics: FindRuns.metricsOf(found),
      values: fields?.map((field) => [Filter.fieldText(field), FindRuns.valueOf(found, field), field] as const)
    }))
    if (output.json) {
      output.document({
        runs: listed.map(({ baseline, metrics, run, values }) => ({
          ...run, metrics, ...(baseline === undefined ? {} : { baseline: baseline.id }), ...(values === undefined ? {} : { values: Object.fromEntries(values.map(([name, value]) => [name, value ?? null])) })
        })),
        more
      })
      return ExitCode.success
    }
    if (listed.length === 0) output.line(filters(input) ? "No run is like that." : "No runs yet. Begin one: uniflow run <pipeline>")
    else {
      const abandoned = await abandonedOf(uniflow, runs.map(({ run }) => run))
      const shown = listed.map((one): ListedRun => (abandoned.has(one.run.id) ? { ...one, run: { ...one.run, status: "crashed" } } : one))
      output.line(renderRuns(shown, { columns: output.columns, color: output.color, nowMs: Date.now() }))
    }
    if (more) output.line(`\n${output.tone(`There are more: add --after ${escapeControls(runs.at(-1)!.run.id)}`, "faint")}`)
    return ExitCode.success
  }, async () => {
    if (output.json) output.document({ runs: [], more: false })
    else if (!output.quiet) output.line("No runs yet. Begin one: uniflow run <pipeline>")
    return ExitCode.success
  })
}

const filters = ({ after, experiment, pipeline, status, tag, where }: ListInput): boolean =>
  after !== undefined || experiment !== undefined || pipeline !== undefined || status.length > 0 || tag.length > 0 || where !== undefined
