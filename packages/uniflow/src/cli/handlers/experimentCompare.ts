import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import {
  checkRegressions,
  compareAgainst,
  compareGroups,
  type Comparison,
  formatChecks,
  formatChecksMarkdown,
  type GroupComparison,
  type GroupField,
  parseBaseline,
  parseCondition,
  pinnedBaseline,
  type RegressionCheck
} from "@uniflow/compare"
import { Filter } from "@uniflow/core"
import type { AnyUniflow, Context, Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { NotFound, UsageError } from "../Failure.ts"
import { withStore } from "../openStore.ts"
import { parsePairs } from "../ParamValues.ts"
import { checkRunId, nothingRecorded, recordOf } from "../runRecord.ts"

export interface CompareInput {
  readonly runIds: ReadonlyArray<string>
  readonly experiment: string | undefined
  readonly pipeline: string | undefined
  readonly where: string | undefined
  readonly groupBy: string | undefined
  readonly group: ReadonlyArray<string>
  readonly pairBy: string | undefined
  readonly baseline: string | undefined
  readonly against: string | undefined
  readonly metrics: string | undefined
  readonly confidence: number | undefined
  readonly failOn: ReadonlyArray<string>
  readonly all: boolean
  readonly code: boolean
  readonly format: "table" | "json" | "md" | "csv" | "html" | undefined
}

/** More runs side by side are no table any more. */
const MOST_SIDE_BY_SIDE = 20

const isSearch = ({ experiment, pipeline, where }: CompareInput): boolean => experiment !== undefined || pipeline !== undefined || where !== undefined

const checkInput = (input: CompareInput): void => {
  const { against, group, groupBy, pairBy, runIds } = input
  const ways = [groupBy !== undefined && "--group-by", group.length > 0 && "--group", against !== undefined && "--against"].filter((way) => way !== false)
  if (ways.length > 1) throw new UsageError(`${ways.join(" and ")} cannot be used together.`)
  if (runIds.length > 0 && isSearch(input)) throw new UsageError("Give run ids, or search for runs by --where, --pipeline and --experiment; not both.")
  if (group.length > 0 && (runIds.length > 0 || isSearch(input))) throw new UsageError("--group names its runs itself: --group before=run_1,run_2 --group after=run_3,run_4.")
  if (group.length === 1) throw new UsageError("Give --group at least twice: --group before=run_1,run_2 --group after=run_3,run_4.")
  if (pairBy !== undefined && ways.length === 0) throw new UsageError("--pair-by makes pairs of the runs of groups: add --group-by, --group or --against.")
  if (against !== undefined && pairBy !== undefined && pairBy !== "run.seed") throw new UsageError("A baseline file has the seeds of its runs: only --pair-by run.seed makes pairs with --against.")
  if (runIds.length === 0 && !isSearch(input) && group.length === 0) throw new UsageError("Say which runs: give their ids, or search for them by --where, --pipeline or --experiment.")
}

/** Ids of the runs that are asked for: given, or found, oldest first. */
const idsOf = async (uniflow: AnyUniflow, { experiment, pipeline, runIds, where }: CompareInput): Promise<ReadonlyArray<string>> => {
  if (runIds.length > 0) {
    for (const id of runIds) await recordOf(uniflow, id)
    return [...new Set(runIds)]
  }
  const ids = (await uniflow.runs.find({ experiment, pipeline, where, orderBy: "run.created", limit: 1000 }).toArray()).map(({ id }) => id)
  if (ids.length === 0) throw new NotFound("No run is like that.")
  return ids
}

/** The baseline first: the one that was named, else the pinned one of the first run's experiment, if it is among them or if there is no other. */
const baselineFirst = async (uniflow: AnyUniflow, ids: ReadonlyArray<string>, baseline: string | undefined): Promise<ReadonlyArray<string>> => {
  const first = async (): Promise<string | undefined> => {
    if (baseline !== undefined) return (await recordOf(uniflow, baseline)).id
    const pinned = (await uniflow.runPromise(pinnedBaseline((await recordOf(uniflow, ids[0]!)).experiment)))?.run.id
    return pinned !== undefined && (ids.length === 1 || ids.includes(pinned)) ? pinned : ids[0]
  }
  const id = (await first())!
  return [id, ...ids.filter((other) => other !== id)]
}

const sideBySide = async (uniflow: AnyUniflow, input: CompareInput): Promise<Comparison> => {
  const ids = await baselineFirst(uniflow, await idsOf(uniflow, input), input.baseline)
  if (ids.length < 2) {
    throw new UsageError(`Give at least two runs to compare, or pin a baseline (uniflow baseline pin <runId>); uniflow experiment show ${ids[0]} shows one.`)
  }
  if (ids.length > MOST_SIDE_BY_SIDE) throw new UsageError(`${ids.length} runs are too many side by side (at most ${MOST_SIDE_BY_SIDE}). Narrow them with --where, or compare groups of them: --group-by params.<name>.`)
  return uniflow.compareRuns(ids)
}

const groups = async (uniflow: AnyUniflow, input: CompareInput, also: ReadonlyArray<string>, context: Context): Promise<GroupComparison> => {
  const { against, baseline, confidence, experiment, group, groupBy, pipeline, runIds, where } = input
  const metrics = input.metrics?.split(",").map((name) => name.trim()).filter((name) => name !== "")
  const pairBy = input.pairBy as GroupField | undefined
  if (against !== undefined) {
    const text = await readFile(resolve(context.cwd, against), "utf8").catch((error: unknown) => {
      throw new UsageError(`Cannot read the baseline file ${against}: ${error instanceof Error ? error.message : String(error)}. Write one with: uniflow baseline write ${against} <runId>`)
    })
    const file = parseBaseline(text, against)
    return uniflow.runPromise(compareAgainst({ baseline: file, runs: await idsOf(uniflow, input), metrics, also, confidence, pairBy: pairBy === undefined ? undefined : "run.seed" }))
  }
  if (group.length > 0) {
    const lists = [...parsePairs("--group", group)].map(([name, ids]) => ({ name, runs: ids.split(",").map((id) => id.trim()).filter((id) => id !== "") }))
    for (const { runs } of lists) for (const id of runs) await recordOf(uniflow, await checkRunId(id))
    return uniflow.runPromise(compareGroups({ groups: lists, pairBy, baseline, metrics, also, confidence }))
  }
  if (runIds.length > 0) await idsOf(uniflow, input)
  return uniflow.runPromise(compareGroups({
    groupBy: Filter.parseFields(groupBy!).map(Filter.fieldText) as ReadonlyArray<GroupField>,
    ...(runIds.length > 0 ? { runs: runIds } : { experiment, pipeline, where }),
    pairBy,
    baseline,
    metrics,
    also,
    confidence
  }))
}

const show = (comparison: Comparison | GroupComparison, checks: ReadonlyArray<RegressionCheck>, { all, code, format }: CompareInput, { output }: Context): void => {
  if (output.json || format === "json") return output.document(checks.length === 0 ? comparison.toJSON() : { ...comparison.toJSON(), checks })
  if (format === "csv") return output.raw(comparison.toCsv({ all }))
  if (format === "html") return output.raw(comparison.toHtml({ all, checks }))
  if (format === "md") return output.line([...checks.length === 0 ? [] : [formatChecksMarkdown(checks)], comparison.toMarkdown({ all })].join("\n\n"))
  const { color, columns } = output
  output.line(comparison.toString({ all, color, columns, code }))
  if (!code && "runs" in comparison && comparison.code.changes.length > 0) output.line(output.tone("The lines of code that differ: --code", "faint"))
  if (checks.length > 0) output.line(`\n${formatChecks(checks, { color, columns })}`)
}

/** `uniflow experiment compare` */
export const experimentCompare: Handler<CompareInput> = async (input, context) => {
  checkInput(input)
  for (const id of input.runIds) await checkRunId(id)
  if (input.where !== undefined) Filter.parse(input.where)
  const conditions = input.failOn.map(parseCondition)
  return withStore(context, async (uniflow) => {
    const grouped = input.groupBy !== undefined || input.group.length > 0 || input.against !== undefined
    const comparison = grouped
      ? await groups(uniflow, input, conditions.map(({ metric }) => metric), context)
      : await sideBySide(uniflow, input)
    const checks = checkRegressions(comparison, conditions)
    show(comparison, checks, input, context)
    return checks.some(({ failed }) => failed) ? ExitCode.regressed : ExitCode.success
  }, input.runIds[0] === undefined ? (path) => Promise.reject(new NotFound(`No run is like that: nothing was ever recorded in ${path}.`)) : nothingRecorded(input.runIds[0]))
}
