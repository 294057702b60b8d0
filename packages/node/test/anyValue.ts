/**
 * Arbitrary values: every kind that is saved, nested, with cycles and with objects that stand in several places.
 *
 * A graph is drawn as a list of nodes whose parts are primitives or the numbers of nodes; then the objects are made,
 * and then filled, so that any node can hold any other, itself included.
 */
import * as fc from "fast-check"

const primitive: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(undefined, null, true, false, NaN, Infinity, -Infinity, 0, -0, 1e300, 2 ** 53, 2 ** 53 - 1, -(2 ** 53), -(2 ** 53) + 1, 2 ** 32, 1.5, 5e-324),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.float(),
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("a", "\ud800", "\udc00", "é", "😀", "\uffff") })
)

const key: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "toString", "hasOwnProperty", "length", "size", "0", "1", "10", "9", "-1", "a b", "", "then", "toJSON"),
  fc.string({ maxLength: 8 }),
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.string({ unit: fc.constantFrom("a", "\ud800", "\udc00", "é", "😀", "\uffff"), maxLength: 4 })
)

const bytes = fc.uint8Array({ maxLength: 40 })

const typedArrayNames = [
  "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "BigInt64Array", "BigUint64Array", "Float32Array", "Float64Array",
  ...("Float16Array" in globalThis ? ["Float16Array"] : [])
]

const makeView = (name: string, buffer: ArrayBuffer): ArrayBufferView => {
  const constructor = Reflect.get(globalThis, name)
  const size: number = constructor.BYTES_PER_ELEMENT ?? 1
  return Reflect.construct(constructor, [buffer, 0, Math.floor(buffer.byteLength / size)])
}

/** Objects without parts that are objects. */
const leaf: fc.Arbitrary<() => object> = fc.oneof(
  fc.date({ noInvalidDate: false }).map((date) => () => new Date(date)),
  fc.constantFrom(8.64e15, -8.64e15, 0.5, 1, 999, -1, 1e14 + 1).map((ms) => () => new Date(ms)),
  fc.tuple(fc.constantFrom("", "a+", "a/b", "\\u{1f600}", "(?<n>x)\n"), fc.constantFrom("", "g", "gi", "dgimsuy", "v"), fc.nat(5)).map(([source, flags, at]) => () => {
    const expression = new RegExp(source, source.includes("{1f600}") && !/[uv]/.test(flags) ? "u" : flags)
    expression.lastIndex = at
    return expression
  }),
  fc.webUrl({ withQueryParameters: true, withFragments: true }).map((url) => () => new URL(url)),
  fc.tuple(fc.constantFrom(...typedArrayNames, "DataView"), bytes).map(([name, bytes]) => () => makeView(name, bytes.slice().buffer)),
  bytes.map((bytes) => () => bytes.slice().buffer),
  bytes.map((bytes) => () => Buffer.from(bytes))
)

type Part = { readonly value: unknown } | { readonly node: number }

const part: fc.Arbitrary<Part> = fc.oneof(primitive.map((value) => ({ value })), fc.nat().map((node) => ({ node })))

interface Node {
  readonly make: () => object
  readonly fill: (object: object, parts: (part: Part) => unknown) => void
}

const define = (object: object, key: string, value: unknown, enumerable = true): void => {
  Object.defineProperty(object, key, { value, enumerable, configurable: true, writable: true })
}

const errors = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]

const node: fc.Arbitrary<Node> = fc.oneof(
  leaf.map((make): Node => ({ make, fill: () => {} })),
  fc.tuple(fc.boolean(), fc.array(fc.tuple(key, part), { maxLength: 5 })).map(([bare, entries]): Node => ({
    make: () => bare ? Object.create(null) : {},
    fill: (object, of) => entries.forEach(([key, part]) => define(object, key, of(part)))
  })),
  fc.array(part, { maxLength: 5 }).map((parts): Node => ({
    make: () => [],
    fill: (object, of) => parts.forEach((part) => (object as Array<unknown>).push(of(part)))
  })),
  fc.tuple(fc.array(fc.tuple(fc.nat(50), part), { maxLength: 4 }), fc.nat(3)).map(([entries, more]): Node => ({
    make: () => [],
    fill: (object, of) => {
      const array = object as Array<unknown>
      entries.forEach(([index, part]) => (array[index] = of(part)))
      array.length += more
    }
  })),
  fc.array(fc.tuple(part, part), { maxLength: 4 }).map((entries): Node => ({
    make: () => new Map(),
    fill: (object, of) => entries.forEach(([key, value]) => (object as Map<unknown, unknown>).set(of(key), of(value)))
  })),
  fc.array(part, { maxLength: 4 }).map((parts): Node => ({
    make: () => new Set(),
    fill: (object, of) => parts.forEach((part) => (object as Set<unknown>).add(of(part)))
  })),
  fc.tuple(fc.constantFrom(...errors, AggregateError), fc.string(), fc.option(part), fc.array(fc.tuple(key, part), { maxLength: 2 }), fc.boolean()).map(
    ([constructor, message, cause, extras, stack]): Node => ({
      make: () => constructor === AggregateError ? new AggregateError([], message) : Reflect.construct(constructor, [message]),
      fill: (object, of) => {
        if (cause !== null) define(object, "cause", of(cause), false)
        if (!stack) Reflect.deleteProperty(object, "stack")
        extras.forEach(([key, part]) => define(object, key, of(part)))
        if (constructor === AggregateError) define(object, "errors", extras.map(([, part]) => of(part)), false)
      }
    })
  ),
  fc.tuple(fc.constantFrom(...typedArrayNames, "DataView"), fc.nat()).map(([name, buffer]): Node => ({
    // Views over one of a few buffers, which other nodes see through other views or hold.
    make: () => ({ name, buffer }),
    fill: () => {}
  }))
)

/** Values of all kinds, as graphs. */
export const anyValue: fc.Arbitrary<unknown> = fc.tuple(fc.array(node, { minLength: 1, maxLength: 12 }), part, fc.array(bytes, { minLength: 1, maxLength: 2 })).map(
  ([nodes, root, memories]) => {
    const buffers = memories.map((bytes) => bytes.slice().buffer)
    const objects: Array<object> = nodes.map((node) => {
      const object = node.make()
      if (!("buffer" in object) || !("name" in object)) return object
      return makeView(String(object.name), buffers[Number(object.buffer) % buffers.length]!)
    })
    const of = (part: Part): unknown => ("value" in part ? part.value : objects[part.node % objects.length])
    nodes.forEach((node, i) => node.fill(objects[i]!, of))
    return "value" in root ? objects[0] : of(root)
  }
)

/** The same value with the properties of its objects in another order, and everything else as it is. */
export const reordered = (value: unknown, seed: number): unknown => {
  const done = new Map<object, object>()
  const again = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value
    const known = done.get(value)
    if (known !== undefined) return known
    const prototype = Object.getPrototypeOf(value)
    if (Array.isArray(value)) {
      const array: Array<unknown> = []
      done.set(value, array)
      for (const index of Object.keys(value)) array[Number(index)] = again(value[Number(index)])
      array.length = value.length
      return array
    }
    if (value instanceof Map) {
      const map = new Map()
      done.set(value, map)
      for (const [key, item] of value) map.set(again(key), again(item))
      return map
    }
    if (value instanceof Set) {
      const set = new Set()
      done.set(value, set)
      for (const item of value) set.add(again(item))
      return set
    }
    if (value instanceof Error) {
      const error: Error = value instanceof AggregateError ? new AggregateError([]) : new Error()
      Object.setPrototypeOf(error, prototype)
      done.set(value, error)
      for (const key of Reflect.ownKeys(error)) Reflect.deleteProperty(error, key)
      for (const key of Object.getOwnPropertyNames(value).toReversed()) {
        const property = Object.getOwnPropertyDescriptor(value, key)!
        const item = property.get === undefined ? property.value : value.stack
        define(error, key, again(item), property.enumerable === true)
      }
      return error
    }
    if (prototype !== Object.prototype && prototype !== null) {
      done.set(value, value)
      return value
    }
    const object: object = Object.create(prototype)
    done.set(value, object)
    const keys = Object.keys(value)
    const shuffled = keys.map((key, i) => ({ key, rank: ((i + 1) * (seed % 7919 + 1)) % 7919 })).sort((a, b) => a.rank - b.rank)
    for (const { key } of shuffled) define(object, key, again(Object.getOwnPropertyDescriptor(value, key)!.value))
    return object
  }
  return again(value)
}
