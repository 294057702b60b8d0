/** At most so many differences are told. */
const LIMIT = 20

const shown = (value: unknown): string => {
  const text = typeof value === "number" ? (Object.is(value, -0) ? "-0" : String(value)) : JSON.stringify(value) ?? String(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

type Entries = ReadonlyArray<readonly [string, unknown]>

const entriesOf = (value: object): Entries =>
  value instanceof Map ? [...value].map(([key, one]) => [String(key), one] as const) : Object.entries(value)

const kindOf = (value: object): string => Array.isArray(value) ? "array" : value instanceof Map ? "map" : value instanceof Float64Array ? "numbers" : "object"

/**
 * Where two values of plain data (objects, arrays, maps, `Float64Array`) differ: path, expected and actual value, one
 * sentence each, at most 20. Numbers are compared to the bit, NaN and -0 included.
 */
export const differences = (expected: unknown, actual: unknown, path = "$"): ReadonlyArray<string> => {
  const found: Array<string> = []
  const compare = (a: unknown, b: unknown, at: string): void => {
    if (found.length >= LIMIT || Object.is(a, b)) return
    if (!isObject(a) || !isObject(b) || kindOf(a) !== kindOf(b)) {
      found.push(`${at} is ${shown(b)}, expected ${shown(a)}`)
      return
    }
    if ((Array.isArray(a) || a instanceof Float64Array) && (Array.isArray(b) || b instanceof Float64Array)) {
      if (a.length !== b.length) found.push(`${at} has ${b.length} elements, expected ${a.length}`)
      const length = Math.min(a.length, b.length)
      for (let i = 0; i < length && found.length < LIMIT; i++) compare(a[i], b[i], `${at}[${i}]`)
      return
    }
    const right = new Map(entriesOf(b))
    for (const [key, value] of entriesOf(a)) {
      if (right.has(key)) compare(value, right.get(key), `${at}.${key}`)
      else found.push(`${at}.${key} is missing, expected ${shown(value)}`)
      right.delete(key)
    }
    for (const [key, value] of right) found.push(`${at}.${key} is ${shown(value)}, expected nothing`)
  }
  compare(expected, actual, path)
  return found
}
