/** What the parts of a comparison share: when values are equal, and lining up what runs have under one name. */
import type { RunSnapshot } from "@uniflow/core"
import type { Compared } from "../Comparison.ts"

/** Whether two plain values are equal: NaN equals itself, 0 equals -0, and the order of members does not matter. */
export const isEqual = (a: unknown, b: unknown): boolean => {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const left = new Map(Object.entries(a))
  const right = new Map(Object.entries(b))
  return left.size === right.size && [...left].every(([name, value]) => right.has(name) && isEqual(value, right.get(name)))
}

/** Values side by side. */
export const compared = <A>(values: ReadonlyArray<A | undefined>, equal: (a: A, b: A) => boolean = isEqual): Compared<A> => {
  const first = values[0]
  return {
    values,
    differs: values.slice(1).some((value) => (value === undefined || first === undefined ? value !== first : !equal(first, value)))
  }
}

/** All names, those of the first run first, in the order in which they occur. */
export const allNames = (names: ReadonlyArray<Iterable<string>>): ReadonlyArray<string> => [...new Set(names.flatMap((one) => [...one]))]

/** The newest attempt of a run. */
export const newestAttempt = ({ attempts }: RunSnapshot): RunSnapshot["attempts"][number] | undefined =>
  attempts.reduce<RunSnapshot["attempts"][number] | undefined>(
    (newest, attempt) => (newest === undefined || attempt.attempt >= newest.attempt ? attempt : newest),
    undefined
  )

/** The step of an address: known from the run's records, else what stands before an item's key. */
export const stepsByAddress = ({ active, history }: RunSnapshot): (address: string) => string => {
  const known = new Map([...history, ...active].map(({ address, step }) => [address, step]))
  return (address) => known.get(address) ?? (address.endsWith("]") && address.indexOf("[") > 0 ? address.slice(0, address.indexOf("[")) : address)
}
