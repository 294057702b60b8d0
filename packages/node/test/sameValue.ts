/**
 * Whether two values are the same in everything that a program can see: prototypes, the order of Maps and Sets, -0,
 * NaN, holes, hidden properties, and which objects inside them are one object. The order of properties does not count.
 */
import { types } from "node:util"

const stackOf = (value: object, property: PropertyDescriptor): unknown =>
  property.get !== undefined && types.isNativeError(value) ? Reflect.apply(property.get, value, []) : property.value

/** Where the values differ, or undefined when they are the same. */
export const difference = (a: unknown, b: unknown): string | undefined => {
  const forward = new Map<object, object>()
  const backward = new Map<object, object>()

  const compare = (a: unknown, b: unknown, path: string): string | undefined => {
    if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) {
      return Object.is(a, b) ? undefined : `${path}: ${String(a)} is not ${String(b)}`
    }
    if (forward.has(a) || backward.has(b)) {
      return forward.get(a) === b && backward.get(b) === a ? undefined : `${path}: another object is shared`
    }
    forward.set(a, b)
    backward.set(b, a)
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path}: another prototype`
    if (Array.isArray(a) !== Array.isArray(b)) return `${path}: an array and another object`
    if (types.isDate(a) && !Object.is(a.getTime(), (b as Date).getTime())) return `${path}: another time`
    if (types.isRegExp(a) && String(a) !== String(b)) return `${path}: another expression`
    if (a instanceof URL && a.href !== (b as URL).href) return `${path}: another URL`
    if (a instanceof ArrayBuffer) {
      return Buffer.from(a).equals(Buffer.from(b as ArrayBuffer)) ? undefined : `${path}: other bytes`
    }
    if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) {
      const bytes = (view: ArrayBufferView): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength)
      return bytes(a).equals(bytes(b)) ? undefined : `${path}: other bytes`
    }
    if (types.isMap(a)) return all([...a].flat(), [...(b as Map<unknown, unknown>)].flat(), `${path}.entries()`)
    if (types.isSet(a)) return all([...a], [...(b as Set<unknown>)], `${path}.values()`)
    const keys = Reflect.ownKeys(a)
    if (keys.length !== Reflect.ownKeys(b).length) return `${path}: other keys`
    for (const key of keys) {
      const [inA, inB] = [Object.getOwnPropertyDescriptor(a, key)!, Object.getOwnPropertyDescriptor(b, key)]
      if (inB === undefined || inA.enumerable !== inB.enumerable) return `${path}.${String(key)}: not there, or not as visible`
      const found = compare(stackOf(a, inA), stackOf(b, inB), `${path}.${String(key)}`)
      if (found !== undefined) return found
    }
    return undefined
  }

  const all = (a: ReadonlyArray<unknown>, b: ReadonlyArray<unknown>, path: string): string | undefined => {
    if (a.length !== b.length) return `${path}: another size`
    for (let i = 0; i < a.length; i++) {
      const found = compare(a[i], b[i], `${path}[${i}]`)
      if (found !== undefined) return found
    }
    return undefined
  }

  return compare(a, b, "$")
}
