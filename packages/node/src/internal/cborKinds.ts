/**
 * How each kind of object that is neither plain nor an array is written, by its prototype. Every other prototype is
 * refused.
 */
import { types } from "node:util"
import type { Walk } from "./cborEncode.ts"
import { MAJOR } from "./cborSink.ts"
import { TAG } from "./cborTags.ts"
import { errorKinds, hiddenOfErrors } from "./errorKinds.ts"
import { bufferKind, dataViewKind, typedArrayKinds } from "./typedArrays.ts"
import type { MapEntry } from "./valuePath.ts"

const getterOf = (prototype: object, name: string): (() => number) => Object.getOwnPropertyDescriptor(prototype, name)!.get!

const mapKeys = Map.prototype.keys
const mapEntries = Map.prototype.entries
const mapSize = getterOf(Map.prototype, "size")
const setValues = Set.prototype.values
const setSize = getterOf(Set.prototype, "size")
const dateTime = Date.prototype.getTime

const writeMap = (walk: Walk, value: ReadonlyMap<unknown, unknown>): void => {
  const entry: MapEntry = { key: undefined, index: 0, of: "value" }
  walk.path[walk.depth - 1] = entry
  let simple = true
  for (const key of mapKeys.call(value)) {
    if (typeof key === "object" && key !== null) simple = false
  }
  const count: number = mapSize.call(value)
  // Equal objects are different keys of a Map, and would be one key of a CBOR map.
  if (simple) {
    walk.tag(TAG.map)
    walk.head(MAJOR.map, count)
  } else {
    walk.named("Map", 1)
    walk.head(MAJOR.array, count)
  }
  for (const [key, item] of mapEntries.call(value)) {
    if (!simple) walk.head(MAJOR.array, 2)
    walk.path[walk.depth - 1] = entry
    entry.key = key
    entry.of = "key"
    walk.value(key)
    entry.of = "value"
    walk.value(item)
    entry.index++
  }
}

const writeSet = (walk: Walk, value: ReadonlySet<unknown>): void => {
  const entry: MapEntry = { key: undefined, index: 0, of: "value" }
  walk.tag(TAG.set)
  walk.head(MAJOR.array, setSize.call(value))
  for (const item of setValues.call(value)) {
    entry.key = entry
    walk.child(entry, item)
    entry.index++
  }
}

const writeError = (walk: Walk, value: Error, name: string): void => {
  if (!types.isNativeError(value)) walk.refuse(`an object that only inherits from ${name} cannot be saved`)
  const hidden: Array<string> = []
  const visible: Array<string> = []
  for (const key of Object.getOwnPropertyNames(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key)!
    if (property.enumerable === true || !hiddenOfErrors.has(key)) visible.push(key)
    else hidden.push(key)
  }
  walk.named(name, 2)
  walk.properties(value, hidden, false)
  walk.properties(value, visible)
}

const writeDate = (walk: Walk, value: Date): void => {
  const ms: number = dateTime.call(value)
  const seconds = ms / 1000
  if (Math.round(seconds * 1000) === ms) {
    walk.tag(TAG.epoch)
    walk.value(seconds)
  } else {
    walk.named("Date", 1)
    walk.value(ms)
  }
}

const writeRegExp = (walk: Walk, value: RegExp): void => {
  const lastIndex: unknown = Object.getOwnPropertyDescriptor(value, "lastIndex")?.value
  if (typeof lastIndex !== "number" || !Number.isSafeInteger(lastIndex) || lastIndex < 0 || Object.is(lastIndex, -0)) {
    walk.path[walk.depth - 1] = "lastIndex"
    return walk.refuse("it is not a position in a text")
  }
  if (lastIndex === 0) {
    walk.tag(TAG.regexp)
    walk.head(MAJOR.array, 2)
  } else walk.named("RegExp", 3)
  walk.text(value.source)
  walk.text(value.flags)
  if (lastIndex !== 0) walk.head(MAJOR.unsigned, lastIndex)
}

const writeURL = (walk: Walk, value: URL): void => {
  const href = value.href
  if (new URL(href).href !== href) walk.refuse(`the URL ${JSON.stringify(href)} does not come back as it is`)
  walk.tag(TAG.uri)
  walk.text(href)
}

type Write = (walk: Walk, value: object) => void

const byPrototype = new Map<object, Write>()

const writer = <A extends object>(prototype: A, is: (value: unknown) => boolean, what: string, write: (walk: Walk, value: A) => void, own = 0): void => {
  byPrototype.set(prototype, (walk, value) => {
    if (!is(value)) walk.refuse(`an object that only inherits from ${what} cannot be saved`)
    walk.bare(value, own)
    write(walk, value as A)
  })
}

const hrefOf = Object.getOwnPropertyDescriptor(URL.prototype, "href")!.get!
const isURL = (value: unknown): boolean => {
  try {
    Reflect.apply(hrefOf, value, [])
    return true
  } catch {
    return false
  }
}

writer<Date>(Date.prototype, types.isDate, "Date", writeDate)
writer<Map<unknown, unknown>>(Map.prototype, types.isMap, "Map", writeMap)
writer<Set<unknown>>(Set.prototype, types.isSet, "Set", writeSet)
writer<RegExp>(RegExp.prototype, types.isRegExp, "RegExp", writeRegExp, 1)
writer<URL>(URL.prototype, isURL, "URL", writeURL)
writer<ArrayBuffer>(ArrayBuffer.prototype, types.isArrayBuffer, "ArrayBuffer", (walk, value) => {
  walk.memory(value)
  walk.bytes(new Uint8Array(value))
})
for (const kind of [...typedArrayKinds, bufferKind, dataViewKind]) {
  byPrototype.set(kind.prototype, (walk, value) => walk.view(value as ArrayBufferView, kind))
}
for (const { name, prototype } of errorKinds) {
  byPrototype.set(prototype, (walk, value) => writeError(walk, value as Error, name))
}

/** What writes the objects of a prototype, if anything does. */
export const writerOf = (prototype: object): Write | undefined => byPrototype.get(prototype)
