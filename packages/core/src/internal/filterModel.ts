/**
 * The data of filters and orders, their limits and their error: see `Filter.ts`.
 */
import { Data } from "effect"

/** A figure over the points of a metric. `best` is the minimum or maximum by the run's goal for it, and missing without one. */
export type MetricFigure = "last" | "min" | "max" | "best"

/** What a run's own fields hold: `date` is in Unix milliseconds, `duration` in milliseconds. */
export const RUN_FIELDS = {
  id: "text",
  name: "text",
  pipeline: "text",
  experiment: "text",
  status: "text",
  parent: "text",
  failedStep: "text",
  created: "date",
  started: "date",
  ended: "date",
  duration: "duration",
  seed: "number",
  attempts: "number",
  git: "text",
  "git.commit": "text",
  "git.branch": "text",
  "git.dirty": "boolean"
} as const

/** `name` is the id; `git` the commit; `started` the begin of the newest attempt, and `duration` how long that took. */
export type RunFieldName = keyof typeof RUN_FIELDS

/** Something that a run has, or has not. */
export type Field =
  /** A param, or a member of one that is an object. */
  | { readonly _tag: "Param"; readonly path: readonly [string, ...Array<string>] }
  /** A metric as `run.metrics` names it. */
  | { readonly _tag: "Metric"; readonly name: string; readonly figure: MetricFigure }
  | { readonly _tag: "Tag"; readonly name: string }
  | { readonly _tag: "Run"; readonly name: RunFieldName }

/** Dates stand as Unix milliseconds, durations as milliseconds. */
export type FilterValue = string | number | boolean

export type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">="

export type Filter =
  | { readonly _tag: "And"; readonly filters: ReadonlyArray<Filter> }
  | { readonly _tag: "Or"; readonly filters: ReadonlyArray<Filter> }
  | { readonly _tag: "Not"; readonly filter: Filter }
  | { readonly _tag: "Compare"; readonly field: Field; readonly comparison: Comparison; readonly value: FilterValue }
  /** Negated: there, and none of these. */
  | { readonly _tag: "In"; readonly field: Field; readonly values: ReadonlyArray<FilterValue>; readonly negated: boolean }
  /** `%` stands for any text, `_` for one character, `\` before one of the three for itself. Negated: there, and unlike. */
  | { readonly _tag: "Like"; readonly field: Field; readonly pattern: string; readonly negated: boolean }
  /** Not there, or null. */
  | { readonly _tag: "IsNull"; readonly field: Field }
  | { readonly _tag: "IsNaN"; readonly field: Field }

/** One key of an order. Runs without the value, and with NaN, come last in both directions. */
export interface Order {
  readonly field: Field
  readonly direction: "asc" | "desc"
}

/** What a filter may hold at most. */
export const LIMITS = {
  /** Characters of its text. */
  length: 4096,
  /** Conditions, each value of a list counting as one. */
  terms: 200,
  /** Different fields, those of the order included. */
  fields: 30,
  /** Brackets and `not` inside each other. */
  depth: 32,
  /** Characters of a `like` pattern. */
  pattern: 256
} as const

/** A filter, an order or a list of columns cannot be understood. `position` is the offset in `text` where that shows. */
export class InvalidFilter extends Data.TaggedError("InvalidFilter")<{
  readonly what: string
  readonly text: string
  readonly position: number
  readonly issue: string
}> {
  override get message(): string {
    const rest = this.text.slice(this.position)
    const place = rest.trim() === "" ? "its end" : `character ${this.position + 1} (${JSON.stringify(rest.length > 24 ? `${rest.slice(0, 23)}…` : rest)})`
    return `${this.what} cannot be read at ${place}: ${this.issue}.`
  }
}
