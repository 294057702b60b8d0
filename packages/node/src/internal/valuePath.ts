/**
 * Where inside a value one is, as a walk goes down: `$.model.layers[2].activation`. Segments are kept as they are and
 * become text only when something is refused.
 */

/** A place that is neither a property nor an element of an array. */
export interface Place {
  readonly place: string
}

/** The entry of a Map; the same object serves all entries of one Map, one after the other. */
export interface MapEntry {
  key: unknown
  index: number
  of: "key" | "value"
}

export type Segment = string | number | Place | MapEntry

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

const keyText = (key: unknown): string | undefined => {
  switch (typeof key) {
    case "string":
      return JSON.stringify(key)
    case "bigint":
      return `${key}n`
    case "number":
      return Object.is(key, -0) ? "-0" : String(key)
    case "boolean":
    case "undefined":
      return String(key)
    default:
      return key === null ? "null" : undefined
  }
}

const segmentText = (segment: Segment): string => {
  if (typeof segment === "number") return `[${segment}]`
  if (typeof segment === "string") return identifier.test(segment) ? `.${segment}` : `[${JSON.stringify(segment)}]`
  if ("place" in segment) return segment.place
  const key = segment.of === "value" ? keyText(segment.key) : undefined
  return key === undefined ? `.${segment.of}s()[${segment.index}]` : `.get(${key})`
}

/** The path as users read it. */
export const pathText = (segments: ReadonlyArray<Segment>): string => `$${segments.map(segmentText).join("")}`
