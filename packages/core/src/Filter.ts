/**
 * Which runs to find: conditions on params, metrics, tags and the run itself, as text or as data.
 *
 * `Filter.parse("params.learningRate > 0.01 and metrics.accuracy >= 0.9")` gives a `Filter`, which every run store
 * answers alike. `where` objects of `uniflow.runs.find` become the same data. A comparison matches where the value is
 * there, is of the literal's kind, and is not NaN; `not` turns around whatever it stands before. Text is compared by
 * code points, and case counts. docs/finding.md is the reference.
 */
import { formatField, formatFilter } from "./internal/filterFormat.ts"
import type { Field, Filter, Order } from "./internal/filterModel.ts"
import { FilterParser } from "./internal/filterParser.ts"

export * from "./internal/filterModel.ts"

/**
 * A filter from its text, such as `run.status = "completed" and metrics.loss.min < 0.1`. `now` in it is `nowMs` (Unix
 * milliseconds, the present by default).
 *
 * @throws InvalidFilter with the position of what is wrong.
 */
export const parse = (text: string, nowMs: number = Date.now()): Filter => new FilterParser("The filter", text, nowMs).filter()

/**
 * An order from its text: fields with `asc` (the default) or `desc`, such as `metrics.accuracy desc, run.started`.
 *
 * @throws InvalidFilter with the position of what is wrong.
 */
export const parseOrder = (text: string): ReadonlyArray<Order> => new FilterParser("The order", text, 0).order()

/**
 * A list of fields, such as `params.learningRate, metrics.loss.min`.
 *
 * @throws InvalidFilter with the position of what is wrong.
 */
export const parseFields = (text: string): ReadonlyArray<Field> => new FilterParser("The list of fields", text, 0).fields()

/**
 * One field, such as `metrics.loss.min`.
 *
 * @throws InvalidFilter with the position of what is wrong.
 */
export const parseField = (text: string): Field => new FilterParser("The field", text, 0).field()

/** The text of a filter: parsed again it gives an equal one. */
export const format = (filter: Filter): string => formatFilter(filter)

/** The text of a field. */
export const fieldText = (field: Field): string => formatField(field)
