/**
 * Comparing runs by their ids, on the process's shared instance.
 */
import type { Comparison } from "@uniflow/compare"
import * as Uniflow from "./Uniflow.ts"

/**
 * Compares runs with the first of them. The value prints itself as a table, also by `console.log`; `toMarkdown` and
 * `toJSON` give the same in other forms. Rejects with `RunNotFound`, or `InvalidInput` for fewer than two ids.
 */
export const compareRuns = (
  runIds: ReadonlyArray<string>,
  options?: { readonly uniflow?: Pick<Uniflow.Uniflow<never>, "compareRuns"> }
): Promise<Comparison> => (options?.uniflow ?? Uniflow.lazy()).compareRuns(runIds)
