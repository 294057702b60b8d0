/**
 * Named numbers that a step returns, tracked by themselves: as the step's output, or as a top-level field of it.
 *
 * A `Metrics` value is a plain frozen object, so that it is saved and comes back like any other. Each number becomes a
 * metric point; `run.metrics` holds the last value of each.
 */
import { InvalidInput } from "./UniflowError.ts"

/** Named numbers. */
export type Metrics<V extends { readonly [name: string]: number } = { readonly [name: string]: number }> = {
  readonly [K in keyof V]: number
}

const registry = Symbol.for("@uniflow/core/Metrics")

// Shared between copies of this package in one process, so that a value made by one is known to the other.
const known = ((globalThis as { [registry]?: WeakSet<object> })[registry] ??= new WeakSet<object>())

/**
 * Makes named numbers that are tracked when a step returns them.
 *
 * @throws InvalidInput when a value is not a number or a name is empty or longer than 256 characters.
 */
export const create = <const V extends { readonly [name: string]: number }>(values: V): Metrics<V> => {
  for (const [name, value] of Object.entries(values)) {
    const issue = pointIssue(name, value)
    if (issue !== undefined) throw new InvalidInput({ what: "Metrics", issue })
  }
  const metrics = Object.freeze({ ...values })
  known.add(metrics)
  return metrics
}

/** Whether a value was made by `create`. */
export const isMetrics = (u: unknown): u is Metrics => typeof u === "object" && u !== null && known.has(u)

/** What is wrong with a metric's name or value. */
export const pointIssue = (name: string, value: unknown): string | undefined =>
  name.length === 0 || name.length > 256
    ? "a metric's name must have 1 to 256 characters"
    : typeof value !== "number"
    ? `metric "${name}" must be a number, not ${typeof value === "bigint" ? "a bigint (it could lose digits)" : `a ${typeof value}`}`
    : undefined
