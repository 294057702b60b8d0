/**
 * The first place in which two values differ, as a codec gives them back: plain data, typed arrays, maps, sets, dates,
 * errors. Numbers within a relative tolerance count as equal.
 *
 * For saying what is different about two outputs whose bytes are not the same; paths look as those in `UnsavableValue`:
 * `$.model.layers[2].weights[17]`.
 */

/** Where two values differ, and what stands there in each, in a few words. */
export interface ValueDifference {
  readonly path: string
  readonly old: string
  readonly new: string
}

/** What a comparison found: the first difference beyond the tolerance, and the largest relative one within it (0: none). */
export interface ValueComparison {
  readonly difference: ValueDifference | undefined
  readonly largest: number
}

/** How much of a text is shown. */
const SHOWN = 60

const quoted = (text: string): string => JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)

/** What a value is, in a few words: a number in all its digits, a text up to 60 characters, of the rest kind and size. */
export const describeValue = (value: unknown): string => {
  if (typeof value === "string") return quoted(value)
  if (typeof value === "bigint") return `${value}n`
  if (Object.is(value, -0)) return "-0"
  if (typeof value !== "object" || value === null) return String(value)
  const kind = kindOf(value)
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return `${kind} of ${Array.isArray(value) || !(value instanceof DataView) ? (value as ArrayLike<unknown>).length : value.byteLength}`
  if (value instanceof Map || value instanceof Set) return `${kind} of ${value.size}`
  if (value instanceof ArrayBuffer) return `${kind} of ${value.byteLength}`
  if (value instanceof Date) return `Date ${Number.isNaN(value.getTime()) ? "invalid" : value.toISOString()}`
  if (value instanceof Error) return `${value.name}: ${quoted(value.message)}`
  if (kind === "RegExp" || kind === "URL") return String(value).slice(0, SHOWN)
  const names = Object.keys(value)
  return names.length === 0 ? "object without members" : `object of ${names.slice(0, 3).map((name) => name.slice(0, 20)).join(", ")}${names.length > 3 ? ", …" : ""}`
}

const kindOf = (value: object): string => {
  if (Array.isArray(value)) return "array"
  if (value instanceof Error) return "Error"
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  return tag === "Object" ? "object" : tag
}

const NOTHING = "nothing"

const member = (path: string, name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? `${path}.${name}` : `${path}[${quoted(name)}]`)

/** Compares values; `tolerance` is relative to the larger of two numbers. */
export const compareValues = (old: unknown, now: unknown, tolerance = 0): ValueComparison => {
  let largest = 0
  const seen = new Map<object, Set<object>>()

  const numbers = (a: number, b: number): boolean => {
    if (Object.is(a, b)) return true
    const deviation = a === b ? 0 : Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b))
    if (!(tolerance > 0) || !(deviation <= tolerance)) return false
    largest = Math.max(largest, deviation)
    return true
  }

  const list = (path: string, a: ArrayLike<unknown>, b: ArrayLike<unknown>): ValueDifference | undefined => {
    const isPlain = Array.isArray(a)
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const [x, y] = [a[i], b[i]]
      if (typeof x === "number" && typeof y === "number" ? numbers(x, y) : Object.is(x, y) && (!isPlain || (i in a) === (i in b))) continue
      if (isPlain && (i in a) !== (i in b)) return { path: `${path}[${i}]`, old: i in a ? describeValue(x) : NOTHING, new: i in b ? describeValue(y) : NOTHING }
      const found = compare(`${path}[${i}]`, x, y)
      if (found !== undefined) return found
    }
    return a.length === b.length ? undefined : { path: `${path}.length`, old: String(a.length), new: String(b.length) }
  }

  const entries = (path: string, a: Map<unknown, unknown>, b: Map<unknown, unknown>): ValueDifference | undefined => {
    const others = [...b]
    let at = 0
    for (const [key, value] of a) {
      const place = `${path}.get(${describeValue(key)})`
      const other = others[at++]
      if (other === undefined) return { path: place, old: describeValue(value), new: NOTHING }
      const found = compare(`${path}.keys()[${at - 1}]`, key, other[0]) ?? compare(place, value, other[1])
      if (found !== undefined) return found
    }
    const more = others[at]
    return more === undefined ? undefined : { path: `${path}.get(${describeValue(more[0])})`, old: NOTHING, new: describeValue(more[1]) }
  }

  const members = (path: string, a: object, b: object): ValueDifference | undefined => {
    for (const name of Object.keys(a)) {
      const x: unknown = Reflect.get(a, name)
      if (!Object.hasOwn(b, name)) return { path: member(path, name), old: describeValue(x), new: NOTHING }
      const found = compare(member(path, name), x, Reflect.get(b, name))
      if (found !== undefined) return found
    }
    const more = Object.keys(b).find((name) => !Object.hasOwn(a, name))
    return more === undefined ? undefined : { path: member(path, more), old: NOTHING, new: describeValue(Reflect.get(b, more)) }
  }

  const compare = (path: string, a: unknown, b: unknown): ValueDifference | undefined => {
    if (typeof a === "number" && typeof b === "number") return numbers(a, b) ? undefined : { path, old: describeValue(a), new: describeValue(b) }
    if (Object.is(a, b)) return undefined
    const differs = { path, old: describeValue(a), new: describeValue(b) }
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
      // Long texts that begin alike are told from where they part.
      if (typeof a !== "string" || typeof b !== "string" || differs.old !== differs.new) return differs
      let at = 0
      while (a[at] === b[at]) at++
      return { path: `${path}.slice(${at})`, old: quoted(a.slice(at)), new: quoted(b.slice(at)) }
    }
    const kind = kindOf(a)
    if (kind !== kindOf(b)) return differs
    const partners = seen.get(a) ?? new Set()
    if (partners.has(b)) return undefined
    seen.set(a, partners.add(b))
    if (Array.isArray(a)) return list(path, a, b as unknown as ArrayLike<unknown>)
    if (a instanceof Map) return entries(path, a, b as Map<unknown, unknown>)
    if (a instanceof Set) return list(`${path}.values()`, [...a], [...b as Set<unknown>])
    if (ArrayBuffer.isView(a)) return a instanceof DataView ? list(path, bytesOf(a), bytesOf(b as DataView)) : list(path, a as unknown as ArrayLike<unknown>, b as unknown as ArrayLike<unknown>)
    if (a instanceof ArrayBuffer) return list(path, new Uint8Array(a), new Uint8Array(b as ArrayBuffer))
    if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime()) ? undefined : differs
    if (kind === "RegExp" || kind === "URL") return String(a) === String(b) ? undefined : differs
    if (kind === "Number" || kind === "String" || kind === "Boolean" || kind === "BigInt") return compare(path, a.valueOf(), b.valueOf())
    if (a instanceof Error && b instanceof Error) {
      const found = compare(`${path}.name`, a.name, b.name) ?? compare(`${path}.message`, a.message, b.message) ?? compare(`${path}.cause`, a.cause, b.cause)
      if (found !== undefined) return found
    }
    return members(path, a, b)
  }

  return { difference: compare("$", old, now), largest }
}

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
