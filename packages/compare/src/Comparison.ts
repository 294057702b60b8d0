/**
 * What is the same in several runs and what differs: params, metrics, steps, artifacts, code and environment.
 *
 * A plain, typed value made by `compare` from snapshots of runs. The first run is the baseline. Every `values` array
 * has one entry per run, in the order of `runs`; `undefined` stands for what a run does not have. Printing a
 * comparison (also by `console.log`) gives a table; `toMarkdown`, `toCsv`, `toHtml` and `toJSON` give the other formats.
 */
import { type DecisionKind, InvalidInput, type ParamValues, type Reason, type RunSnapshot, type RunStatus } from "@uniflow/core"
import type { Change, Goal } from "./Change.ts"
import type { CodeChange } from "./CodeChange.ts"
import { type ComparisonJson, toComparisonJson } from "./ComparisonJson.ts"
import { terminalColumns } from "./internal/terminalColumns.ts"
import { compareArtifacts } from "./internal/compareArtifacts.ts"
import { compareCode } from "./internal/compareCode.ts"
import { compareEnvironment } from "./internal/compareEnvironment.ts"
import { compareMetrics } from "./internal/compareMetrics.ts"
import { compareParams, describeRun } from "./internal/compareRecords.ts"
import { compareSteps } from "./internal/compareSteps.ts"
import { type CsvOptions, renderComparisonCsv } from "./internal/comparisonCsv.ts"
import { type HtmlOptions, renderComparisonHtml } from "./internal/comparisonHtml.ts"
import { type MarkdownOptions, renderComparisonMarkdown } from "./internal/comparisonMarkdown.ts"
import { type ComparisonTextOptions, renderComparison } from "./internal/comparisonText.ts"

/** One thing as each run has it. */
export interface Compared<A> {
  readonly values: ReadonlyArray<A | undefined>
  /** Whether the runs have different values, or some have none. */
  readonly differs: boolean
}

/** A run that is compared. */
export interface ComparedRun {
  readonly id: string
  readonly pipeline: string
  readonly experiment: string
  readonly status: RunStatus
  /** Begin of the first attempt. */
  readonly startedAtMs: number
  /** Time the attempts worked, in milliseconds, without the pauses between them. Undefined while nothing is known of it. */
  readonly durationMs: number | undefined
  /** Whether an attempt runs on, or died without telling its end: then `durationMs` counts up to its last recorded step. */
  readonly durationIsLowerBound: boolean
  readonly attempts: number
  readonly parent: string | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly note: string | undefined
  readonly error: { readonly step: string | undefined; readonly name: string; readonly message: string } | undefined
}

/** A param by name; its values are JSON. */
export interface ComparedParam extends Compared<ParamValues[string]> {
  readonly name: string
}

/** A metric of one run. Of a map's items, the figures over all their points. */
export interface MetricValue {
  /** The step that logged it. */
  readonly step: string
  /** The newest value; undefined for items of a map, which have no order. */
  readonly last: number | undefined
  /** NaN where every point is NaN, as are `max` and `mean`. */
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly count: number
  /** Points that are NaN: counted in `count`, and no part of `min`, `max` and `mean`. */
  readonly nans: number
  /** Items of the map that logged it; undefined for a step. */
  readonly items: number | undefined
  /** Change of the compared figure against the baseline; undefined for the baseline itself, or where it has none. */
  readonly change: Change | undefined
}

export interface ComparedMetric extends Compared<MetricValue> {
  /** The key where one step alone has it, as in `run.metrics`; else `step.key`, as for items of a map. */
  readonly name: string
  readonly key: string
  /** As the runs' pipelines declare it; undefined where none does, or where they contradict each other. */
  readonly goal: Goal | undefined
  /** The figure that `change` and `best` speak of: `last`, or `mean` where a map's items logged the metric. */
  readonly figure: "last" | "mean"
  /** Positions of the runs with the best figure by the goal; empty where that cannot be said. */
  readonly best: ReadonlyArray<number>
}

/** Counts of a map's items in one run. */
export interface ItemCounts {
  readonly total: number
  readonly executed: number
  readonly restored: number
  readonly cached: number
  readonly skipped: number
  readonly failed: number
  /** Being executed, or interrupted at it. */
  readonly active: number
  /** Sum of the executions' own durations, in milliseconds. */
  readonly durationMs: number
}

export interface StepValue {
  /** `running`: being executed at this moment. `interrupted`: was being executed when its run stopped. */
  readonly status: "completed" | "failed" | "skipped" | "running" | "interrupted"
  /** Undefined while it runs, and for a map of which only items are recorded. */
  readonly decision: DecisionKind | undefined
  readonly reasons: ReadonlyArray<Reason>
  readonly attempt: number
  /** Of the execution that made the result, in milliseconds; undefined where this run executed nothing (cached, skipped). */
  readonly durationMs: number | undefined
  /** Change of the duration against the baseline's where both completed; has no verdict. */
  readonly change: Change | undefined
  readonly items: ItemCounts | undefined
  readonly error: { readonly name: string; readonly message: string } | undefined
}

/** A step by name. It differs where statuses, decisions or durations do. */
export interface ComparedStep extends Compared<StepValue> {
  readonly step: string
}

export interface ArtifactValue {
  /** SHA-256 in hexadecimal; undefined for the artifacts of a map's items, taken together. */
  readonly digest: string | undefined
  readonly sizeBytes: number
  readonly mediaType: string
  /** How many artifacts of a map's items stand together; undefined for one artifact. */
  readonly items: number | undefined
}

export interface ComparedArtifact extends Compared<ArtifactValue> {
  /** The step's name for its output; `step/name` for an artifact that was put under a name. */
  readonly name: string
  readonly kind: "output" | "named"
  readonly step: string
  /** Per run against the baseline, by digest; `missing` where one of the two has none, undefined where both have none. */
  readonly against: ReadonlyArray<"same" | "differs" | "missing" | undefined>
}

/** Git as an attempt saw it. */
export interface GitValue {
  readonly commit: string
  readonly branch: string | undefined
  readonly dirty: boolean
  /** Commits of all attempts, oldest first; more than one where the run was resumed with other code. */
  readonly commits: ReadonlyArray<string>
}

/** The code part of a step's fingerprint. */
export interface CodeValue {
  readonly version: string
  readonly kind: "explicit" | "deep" | "shallow" | "unknown"
}

export interface ComparedCode {
  /** Of the newest attempt. Two dirty trees of the same commit count as different: nobody can say that they are not. */
  readonly git: Compared<GitValue>
  readonly steps: ReadonlyArray<Compared<CodeValue> & { readonly step: string }>
  /** The declarations that differ, with their texts; none where the runs' codes were not read (`compareRuns` reads them, `compare` does not). */
  readonly changes: ReadonlyArray<CodeChange>
}

/** Of the newest attempt, the seed aside. */
export interface ComparedEnvironment {
  readonly runtime: Compared<string>
  readonly platform: Compared<string>
  readonly host: Compared<string>
  readonly seed: Compared<number>
  readonly packages: ReadonlyArray<Compared<string> & { readonly name: string }>
}

/** The figures of a comparison. */
export interface ComparisonData {
  readonly runs: ReadonlyArray<ComparedRun>
  readonly params: ReadonlyArray<ComparedParam>
  /** Those with a goal first, in the order in which the goals are declared. */
  readonly metrics: ReadonlyArray<ComparedMetric>
  readonly steps: ReadonlyArray<ComparedStep>
  readonly artifacts: ReadonlyArray<ComparedArtifact>
  readonly code: ComparedCode
  readonly environment: ComparedEnvironment
}

const differs = <A extends { readonly differs: boolean }>(all: ReadonlyArray<A>): ReadonlyArray<A> => all.filter((one) => one.differs)

/** Several runs, compared. Made by `compare` and `compareRuns`. */
export class Comparison implements ComparisonData {
  readonly runs: ReadonlyArray<ComparedRun>
  readonly params: ReadonlyArray<ComparedParam>
  readonly metrics: ReadonlyArray<ComparedMetric>
  readonly steps: ReadonlyArray<ComparedStep>
  readonly artifacts: ReadonlyArray<ComparedArtifact>
  readonly code: ComparedCode
  readonly environment: ComparedEnvironment

  constructor(data: ComparisonData) {
    this.runs = data.runs
    this.params = data.params
    this.metrics = data.metrics
    this.steps = data.steps
    this.artifacts = data.artifacts
    this.code = data.code
    this.environment = data.environment
  }

  /** The same comparison with the changes of code. */
  withCodeChanges(changes: ReadonlyArray<CodeChange>): Comparison {
    return new Comparison({ ...this, code: { ...this.code, changes } })
  }

  /** The same comparison with only those params, metrics, steps, artifacts, code and packages that differ. */
  differing(): Comparison {
    return new Comparison({
      runs: this.runs,
      params: differs(this.params),
      metrics: differs(this.metrics),
      steps: differs(this.steps),
      artifacts: differs(this.artifacts),
      code: { ...this.code, steps: differs(this.code.steps) },
      environment: { ...this.environment, packages: differs(this.environment.packages) }
    })
  }

  /** A table for people: what differs, or everything with `all`; with `code` also the lines of code that do. Fits into `columns` where given; colours only with `color`. */
  toString(options?: ComparisonTextOptions): string {
    return renderComparison(this, options)
  }

  /** Markdown for a pull request or a report: what differs, or everything with `all`. */
  toMarkdown(options?: MarkdownOptions): string {
    return renderComparisonMarkdown(this, options)
  }

  /** CSV with a line for each thing compared and a column for each run, values in full: what differs, or everything with `all`. */
  toCsv(options?: CsvOptions): string {
    return renderComparisonCsv(this, options)
  }

  /** One HTML file that needs nothing else: what differs, or everything with `all`. */
  toHtml(options?: HtmlOptions): string {
    return renderComparisonHtml(this, options)
  }

  /** The figures as JSON; see `ComparisonJson` for the shape, which keeps within a major version. */
  toJSON(): ComparisonJson {
    return toComparisonJson(this)
  }

  /** `console.log` and `util.inspect` of Node, Bun and Deno print the table. */
  [Symbol.for("nodejs.util.inspect.custom")](_depth: number, options?: { readonly colors?: boolean }): string {
    return renderComparison(this, { color: options?.colors === true, columns: terminalColumns() })
  }
}

/**
 * Compares runs with the first of them. Accepts runs of different pipelines, and runs that failed or are still
 * running. One run alone gives its own figures, with nothing to differ from. Throws `InvalidInput` where none is given.
 */
export const compare = (snapshots: ReadonlyArray<RunSnapshot>): Comparison => {
  if (snapshots.length === 0) throw new InvalidInput({ what: "compare", issue: "there is no run to compare; give at least one." })
  return new Comparison({
    runs: snapshots.map(describeRun),
    params: compareParams(snapshots),
    metrics: compareMetrics(snapshots),
    steps: compareSteps(snapshots),
    artifacts: compareArtifacts(snapshots),
    code: compareCode(snapshots),
    environment: compareEnvironment(snapshots)
  })
}
