/**
 * What an object is besides its properties, as far as Node can tell without running any of its code.
 */
import { inspect, types } from "node:util"
import { dataViewKind, type TypedArrayKind } from "./typedArrays.ts"

const natures: ReadonlyArray<readonly [is: (value: unknown) => boolean, what: string]> = [
  [types.isMap, "a Map"],
  [types.isSet, "a Set"],
  [types.isDate, "a Date"],
  [types.isPromise, "a Promise"],
  [types.isWeakMap, "a WeakMap"],
  [types.isWeakSet, "a WeakSet"],
  [types.isNativeError, "an Error"],
  [types.isBoxedPrimitive, "a boxed primitive"],
  [types.isAnyArrayBuffer, "an ArrayBuffer"],
  [types.isGeneratorObject, "a generator"],
  [types.isMapIterator, "an iterator"],
  [types.isSetIterator, "an iterator"],
  [types.isArgumentsObject, "an arguments object"],
  [types.isExternal, "a native object"]
]

/** What an object is that has the prototype of plain objects and no properties, when it is not a plain object. */
export const hiddenNature = (value: object): string | undefined => {
  const nature = natures.find(([is]) => is(value))
  return nature === undefined ? undefined : `${nature[1]} whose prototype was replaced`
}

/** "a Promise", "an instance of Foo": what to call an object that cannot be saved. */
export const describePrototype = (value: object): string => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (typeof prototype !== "object" || prototype === null || types.isProxy(prototype)) return "an object of unknown kind"
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value
  const name: unknown = typeof constructor === "function"
    ? Object.getOwnPropertyDescriptor(constructor, "name")?.value
    : undefined
  if (typeof name !== "string" || name === "") return "an instance of an unnamed class"
  return name === "Object" || name === "Array" ? `an ${name} of another realm` : `an instance of ${name}`
}

const MANY = 1024

const inspectExtras = (value: object): string =>
  inspect(value, { customInspect: false, depth: 0, maxArrayLength: 0, showHidden: true, breakLength: Infinity, numericSeparator: false })

// Listing the own keys of a large array makes a string for each index. What `inspect` prints of an array without its
// elements tells whether there is anything else; a doubt only leads to the exact way.
const printedCount = "2000"
const printed = inspectExtras(Array.from({ length: Number(printedCount) }, () => 0))

const isComplete = (value: ReadonlyArray<unknown>): boolean => {
  for (let i = 0; i < value.length; i++) if (!Object.hasOwn(value, i)) return false
  return true
}

/** Whether an array without own symbols has all its elements, and nothing but them. */
export const hasOnlyElements = (value: ReadonlyArray<unknown>): boolean => {
  const count = value.length
  if (count > MANY && inspectExtras(value) === printed.replaceAll(printedCount, String(count))) return isComplete(value)
  const names = Object.getOwnPropertyNames(value)
  // Indexes come first: `length` at this place means that there are as many as there can be.
  return names.length === count + 1 && names[count] === "length"
}

/** Whether a view has no properties besides its elements. */
export const isOnlyBytes = (value: ArrayBufferView, kind: TypedArrayKind): boolean => {
  if (Object.getOwnPropertySymbols(value).length > 0) return false
  const count = value.byteLength / kind.elementBytes
  if (kind !== dataViewKind && count > MANY) {
    return inspectExtras(value) === inspectExtras(kind.make(value.buffer, value.byteOffset, count))
  }
  return Object.getOwnPropertyNames(value).length === (kind === dataViewKind ? 0 : count)
}
