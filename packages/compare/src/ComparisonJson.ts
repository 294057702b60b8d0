/**
 * A comparison as JSON.
 *
 * The shape is that of `ComparisonData` with the number of its version: the same names and units, one entry per run in
 * every `values` array, with `null` for what a run does not have. Members that are undefined are left out. Numbers that
 * JSON lacks stand as the strings `"NaN"`, `"Infinity"` and `"-Infinity"`. Within a major version members are only added.
 */
import type { ComparisonData } from "./Comparison.ts"

/** A value as JSON: numbers may be strings (see above), undefined members are absent, undefined elements null. */
export type Jsonified<A> = A extends number ? number | "NaN" | "Infinity" | "-Infinity"
  : A extends string | boolean | null ? A
  : A extends undefined ? null
  : A extends ReadonlyArray<infer B> ? ReadonlyArray<Jsonified<B>>
  : { readonly [K in keyof A as undefined extends A[K] ? never : K]: Jsonified<A[K]> } & {
    readonly [K in keyof A as undefined extends A[K] ? K : never]?: Jsonified<Exclude<A[K], undefined>>
  }

/** What `Comparison.toJSON` gives. */
export type ComparisonJson = { readonly version: 1 } & Jsonified<ComparisonData>

/** Plain data as JSON has it: the walk that `Jsonified` does to types. */
export const jsonified = (value: unknown): unknown => {
  // JSON writes -0 as 0; adding 0 does the same.
  if (typeof value === "number") return Number.isFinite(value) ? value + 0 : String(value)
  if (Array.isArray(value)) return value.map((element) => (element === undefined ? null : jsonified(element)))
  if (typeof value !== "object" || value === null) return value
  // Members are defined, not assigned: a param or tag may be named `__proto__`.
  return Object.fromEntries(Object.entries(value).flatMap(([name, member]) => (member === undefined ? [] : [[name, jsonified(member)]])))
}

/** The JSON of a comparison. */
export const toComparisonJson = (data: ComparisonData): ComparisonJson => {
  const { artifacts, code, environment, metrics, params, runs, steps } = data
  return jsonified({ version: 1, runs, params, metrics, steps, artifacts, code, environment }) as ComparisonJson
}
