/** The places in which two JSON values differ. */
import { describeValue } from "@uniflow/compare"

export interface JsonDifference {
  /** Such as `$.model.layers[2].size`. */
  readonly path: string
  /** What stands there, in a few words; undefined for nothing. */
  readonly before: string | undefined
  readonly after: string | undefined
}

const MOST_DEPTH = 100

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null && !Array.isArray(value)

/** Whether values that are nested too deeply to be walked are the same; of which that cannot be told, are not. */
const isSame = (a: unknown, b: unknown): boolean => {
  try {
    return JSON.stringify(a) === JSON.stringify(b)
  } catch {
    return false
  }
}

/** The first differences, at most `most` and one more, which says that there are more. */
export const jsonDifferences = (before: unknown, after: unknown, most: number): ReadonlyArray<JsonDifference> => {
  const found: Array<JsonDifference> = []
  const walk = (path: string, a: unknown, b: unknown, depth: number): void => {
    if (found.length > most || a === b) return
    if (depth < MOST_DEPTH && Array.isArray(a) && Array.isArray(b)) {
      for (let at = 0; at < Math.max(a.length, b.length) && found.length <= most; at++) {
        if (at >= a.length) found.push({ path: `${path}[${at}]`, before: undefined, after: describeValue(b[at]) })
        else if (at >= b.length) found.push({ path: `${path}[${at}]`, before: describeValue(a[at]), after: undefined })
        else walk(`${path}[${at}]`, a[at], b[at], depth + 1)
      }
    } else if (depth < MOST_DEPTH && isObject(a) && isObject(b)) {
      for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
        if (found.length > most) return
        const inner = /^[A-Za-z_$][\w$]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`
        if (!Object.hasOwn(a, name)) found.push({ path: inner, before: undefined, after: describeValue(b[name]) })
        else if (!Object.hasOwn(b, name)) found.push({ path: inner, before: describeValue(a[name]), after: undefined })
        else walk(inner, a[name], b[name], depth + 1)
      }
    } else if (depth < MOST_DEPTH || !isSame(a, b)) found.push({ path, before: describeValue(a), after: describeValue(b) })
  }
  walk("$", before, after, 0)
  return found
}
