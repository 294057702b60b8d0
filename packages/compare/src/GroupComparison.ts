/**
 * Groups of runs that repeat the same thing, compared: which one is better, and whether that is more than chance.
 *
 * A plain, typed value made by `compareMeasured` from groups of runs. The first group is the baseline. Every metric has the figures of each group,
 * and of each other group how it differs from the baseline, tested and judged. Printing it (also by `console.log`) gives a table; `toMarkdown`, `toCsv`,
 * `toHtml` and `toJSON` give the other formats.
 */
import { InvalidInput } from "@uniflow/core"
import type { Goal } from "./Change.ts"
import { type Jsonified, jsonified } from "./ComparisonJson.ts"
import { compareGroupMetrics } from "./internal/compareGroupMetrics.ts"
import { renderGroupsCsv } from "./internal/groupCsv.ts"
import { renderGroupsHtml } from "./internal/groupHtml.ts"
import { renderGroupsMarkdown } from "./internal/groupMarkdown.ts"
import { renderGroups } from "./internal/groupText.ts"
import { terminalColumns } from "./internal/terminalColumns.ts"
import type { HtmlOptions } from "./internal/comparisonHtml.ts"
import type { TextOptions } from "./internal/comparisonText.ts"
import type { RunGroup } from "./RunGroup.ts"
import type { Interval, SampleSummary } from "./SampleSummary.ts"

/**
 * What a test says. `better` and `worse` follow the metric's goal; of a metric without one a difference is `higher` or
 * `lower`. `inconclusive`: what was seen may be chance.
 */
export type GroupVerdict = "better" | "worse" | "higher" | "lower" | "inconclusive"

export interface Judgement {
  readonly verdict: GroupVerdict
  /**
   * Why it is inconclusive: the difference is within chance; so few repeats cannot tell, whatever they are; or runs have NaN or an
   * infinity, for which no mean speaks. Undefined for the other verdicts.
   */
  readonly because: "chance" | "too few repeats" | "not finite" | undefined
  /** Of the permutation test; 1 where nothing could be tested. */
  readonly p: number
  /** Corrected for the number of verdicts (Holm): what the verdict goes by. */
  readonly adjustedP: number
  readonly method: "exact" | "sampled"
  /**
   * Repeats in each group (or pairs) that would decide it: with `too few repeats` the least that can, with `chance` those that would find a difference like
   * the one seen four times out of five. Undefined where it is decided, where it would take more than 10,000, and with `not finite`.
   */
  readonly repeatsNeeded: number | undefined
}

/** A group against the baseline. */
export interface GroupDifference {
  /** Mean minus the baseline's; of pairs, the mean of their differences. */
  readonly difference: number
  /** In percent of the size of the baseline's mean; undefined for a mean of zero. */
  readonly percent: number | undefined
  /** Of the difference, by bootstrap-t; undefined where there are too few repeats for one, and for metrics that are not judged. */
  readonly interval: Interval | undefined
  /** How many pairs; undefined for an unpaired comparison. */
  readonly pairs: number | undefined
  /** Undefined for metrics that are shown and not judged: those without a goal, unless they were asked for by name. */
  readonly judgement: Judgement | undefined
}

/** A metric in one group: the figures of its finite values. */
export interface GroupFigures extends SampleSummary {
  /** One for each run of the group. */
  readonly values: ReadonlyArray<number | undefined>
  /** Runs that do not have it. */
  readonly missing: number
  /** Runs in which it is NaN or infinite. */
  readonly notFinite: number
  /** Undefined for the baseline, and where one of the two has no finite value. */
  readonly against: GroupDifference | undefined
}

export interface GroupMetric {
  /** The key where one step alone has it, else `step.key`; `run.duration` for the time a run took, in milliseconds. */
  readonly name: string
  /** The step that logged it; empty for `run.duration`. */
  readonly step: string
  readonly key: string
  readonly goal: Goal | undefined
  /** Which value of each run counts: the last one, unless another was asked for; the mean where a map's items logged it. */
  readonly figure: "last" | "min" | "max" | "mean"
  readonly groups: ReadonlyArray<GroupFigures>
}

export interface ComparedGroup {
  readonly name: string
  readonly runs: ReadonlyArray<string>
}

/** A run that does not count. */
export interface LeftOut {
  readonly id: string
  /** Such as `failed`, or `no params.learningRate`. */
  readonly because: string
}

export interface GroupComparisonData {
  /** What was compared, such as the pipeline's name; undefined where it has no single one. */
  readonly subject: string | undefined
  /** What the groups differ in, such as `params.learningRate`; undefined for groups that were given as lists. */
  readonly groupBy: string | undefined
  /** What makes pairs, such as `run.seed`; undefined for an unpaired comparison. */
  readonly pairBy: string | undefined
  /** Of all intervals; 1 minus the level of the tests. */
  readonly confidence: number
  /** The first one is the baseline. */
  readonly groups: ReadonlyArray<ComparedGroup>
  readonly leftOut: ReadonlyArray<LeftOut>
  /** Those with a goal first, in the order in which the goals are declared. */
  readonly metrics: ReadonlyArray<GroupMetric>
}

/** Groups of runs, compared. Made by `compareGroups` and `compareMeasured`. */
export class GroupComparison implements GroupComparisonData {
  readonly subject: string | undefined
  readonly groupBy: string | undefined
  readonly pairBy: string | undefined
  readonly confidence: number
  readonly groups: ReadonlyArray<ComparedGroup>
  readonly leftOut: ReadonlyArray<LeftOut>
  readonly metrics: ReadonlyArray<GroupMetric>

  constructor(data: GroupComparisonData) {
    this.subject = data.subject
    this.groupBy = data.groupBy
    this.pairBy = data.pairBy
    this.confidence = data.confidence
    this.groups = data.groups
    this.leftOut = data.leftOut
    this.metrics = data.metrics
  }

  /** A table for people. Fits into `columns` where given; colours only with `color`. */
  toString(options?: Omit<TextOptions, "all">): string {
    return renderGroups(this, options)
  }

  /** Markdown for a pull request or a report. */
  toMarkdown(): string {
    return renderGroupsMarkdown(this)
  }

  /** CSV with a line for each metric and group, values in full. */
  toCsv(): string {
    return renderGroupsCsv(this)
  }

  /** One HTML file that needs nothing else, with a drawing of every metric. */
  toHtml(options?: Omit<HtmlOptions, "all">): string {
    return renderGroupsHtml(this, options)
  }

  /** The figures as JSON: the same shape, with its version. NaN and infinities are strings, missing values null. */
  toJSON(): GroupComparisonJson {
    const { confidence, groupBy, groups, leftOut, metrics, pairBy, subject } = this
    return jsonified({ version: 1, subject, groupBy, pairBy, confidence, groups, leftOut, metrics }) as GroupComparisonJson
  }

  /** `console.log` and `util.inspect` of Node, Bun and Deno print the table. */
  [Symbol.for("nodejs.util.inspect.custom")](_depth: number, options?: { readonly colors?: boolean }): string {
    return renderGroups(this, { color: options?.colors === true, columns: terminalColumns() })
  }
}

/** What `GroupComparison.toJSON` gives; members are only added within a major version. */
export type GroupComparisonJson = { readonly version: 1 } & Jsonified<GroupComparisonData>

export interface GroupComparisonOptions extends Partial<Pick<GroupComparisonData, "subject" | "groupBy" | "pairBy" | "leftOut">> {
  /**
   * Only these metrics, each with a verdict: a metric's name, with `.last`, `.min`, `.max`, `.mean` or `.best` (by its goal) for another value of
   * each run than the last, or `run.duration`. Default: all metrics, with verdicts for those that have a goal.
   */
  readonly metrics?: ReadonlyArray<string> | undefined
  /** Shown besides those, without a verdict, in the same form. */
  readonly also?: ReadonlyArray<string> | undefined
  /** Of intervals, and 1 minus the level of the tests, from 0.5 to 0.9999. Default 0.95. */
  readonly confidence?: number | undefined
  /** Whether differences get their bootstrap intervals, which take the most time by far. Default true. */
  readonly intervals?: boolean | undefined
}

/**
 * Compares groups with the first of them. Throws `InvalidInput` for fewer than two groups, a group without runs, a metric
 * that no run has, and pairs that are not unique.
 */
export const compareMeasured = (groups: ReadonlyArray<RunGroup>, options: GroupComparisonOptions = {}): GroupComparison => {
  const { also = [], confidence = 0.95, groupBy, intervals = true, leftOut = [], metrics, pairBy, subject } = options
  const wrong = (issue: string): InvalidInput => new InvalidInput({ what: "compareGroups", issue })
  if (!(confidence >= 0.5 && confidence <= 0.9999)) throw wrong("confidence must be a number from 0.5 to 0.9999.")
  if (groups.length < 2) throw wrong(groups.length === 0 ? "there is no group to compare; give at least two." : `group "${groups[0]!.name}" has nothing to be compared with; give at least two groups.`)
  for (const { name, runs } of groups) if (runs.length === 0) throw wrong(`group "${name}" has no run.`)
  return new GroupComparison({
    subject,
    groupBy,
    pairBy,
    confidence,
    groups: groups.map(({ name, runs }) => ({ name, runs: runs.map(({ id }) => id) })),
    leftOut,
    metrics: compareGroupMetrics(groups, { metrics, also, confidence, pairBy, intervals })
  })
}
