/**
 * The faithful walk: writes a value as CBOR so that it comes back equal, or refuses it and names the place.
 *
 * It looks at own properties through their descriptors, so no getter runs. A first pass writes and notes which objects
 * are met twice; when there are any, a second pass writes again, with these objects tagged as shared. Both go through
 * the value in the order of the bytes, so that sharing is numbered by the value alone.
 */
import { types } from "node:util"
import { writeBigInt, writeFloat, writeInt, writeString, writeTag } from "cbor2/encoder"
import { describe, type Encoded, type Unsavable } from "@uniflow/core"
import { Result } from "effect"
import { writerOf } from "./cborKinds.ts"
import { cborOptions } from "./cborOptions.ts"
import { keepSink, LARGE_BYTES, MAJOR, takeSink } from "./cborSink.ts"
import { MAX_DEPTH, PADDING, TAG } from "./cborTags.ts"
import { stackGetter } from "./errorKinds.ts"
import { describePrototype, hasOnlyElements, hiddenNature, isOnlyBytes } from "./nature.ts"
import { shapeOf } from "./objectShape.ts"
import { sharedRegions, type SharedRegion } from "./sharedMemory.ts"
import { isViewOfKind, littleEndian, type TypedArrayKind } from "./typedArrays.ts"
import { pathText, type Place, type Segment } from "./valuePath.ts"

class Refusal {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/** What a Set can hold. */
const MOST_OBJECTS = 2 ** 24

/** The object that the walk has entered, before it goes to one of its parts. */
const itself: Place = { place: "" }

export class Walk {
  readonly sink = takeSink()
  /** Where the walk is: the first `depth` segments. */
  readonly path: Array<Segment> = []
  depth = 0

  private readonly seen = new Set<object>()
  private repeated: Set<object> | undefined
  private views: Map<ArrayBuffer, Array<ArrayBufferView>> | undefined
  private regions: ReadonlyMap<ArrayBufferView, SharedRegion> | undefined
  /** In the second pass: the number of each shared object, -1 until it is written. */
  private shared: Map<object, number> | undefined
  private nextShared = 0

  run(value: unknown): Encoded {
    this.value(value)
    if (this.views !== undefined) this.regions = sharedRegions(this.views, (buffer) => this.seen.has(buffer))
    if (this.repeated !== undefined || (this.regions?.size ?? 0) > 0) {
      this.shared = new Map()
      for (const object of this.repeated ?? []) this.shared.set(object, -1)
      for (const region of this.regions?.values() ?? []) this.shared.set(region.identity, -1)
      this.sink.clear()
      this.value(value)
    }
    const encoded = this.sink.take()
    keepSink(this.sink)
    return encoded
  }

  refuse(reason: string): never {
    throw new Refusal(reason)
  }

  value(value: unknown): void {
    const sink = this.sink
    switch (typeof value) {
      case "string":
        return this.text(value)
      case "number":
        if (Number.isSafeInteger(value) && (value !== 0 || !Object.is(value, -0))) writeInt(value, sink)
        else writeFloat(value, sink, cborOptions)
        return
      case "boolean":
        sink.writeUint8(value ? 0xf5 : 0xf4)
        return
      case "undefined":
        sink.writeUint8(0xf7)
        return
      case "bigint":
        writeBigInt(value, sink, cborOptions)
        return
      case "object":
        if (value === null) sink.writeUint8(0xf6)
        else this.object(value)
        return
      case "function":
        return this.refuse(`a function${value.name === "" ? "" : ` ("${value.name}")`} cannot be saved`)
      default:
        return this.refuse("a symbol cannot be saved")
    }
  }

  text(value: string): void {
    if (value.isWellFormed()) this.sink.writeText(value)
    else writeString(value, this.sink, cborOptions)
  }

  tag(tag: number): void {
    writeTag(tag, this.sink, cborOptions)
  }

  head(major: number, count: number): void {
    writeInt(count, this.sink, major)
  }

  /** The head of a value of a named type: `count` items follow its name. */
  named(name: string, count: number): void {
    this.tag(TAG.object)
    this.head(MAJOR.array, count + 1)
    this.sink.writeText(name)
  }

  /** A value one step further down. */
  child(segment: Segment, value: unknown): void {
    this.path[this.depth - 1] = segment
    this.value(value)
  }

  object(value: object): void {
    if (types.isProxy(value)) this.refuse("a Proxy cannot be saved")
    if (this.shared === undefined) {
      const before = this.seen.size
      if (before === MOST_OBJECTS) this.refuse(`the value holds more than ${MOST_OBJECTS} objects`)
      this.seen.add(value)
      if (this.seen.size === before) {
        ;(this.repeated ??= new Set()).add(value)
        return
      }
    } else if (this.reference(value)) return

    if (this.depth === MAX_DEPTH) this.refuse(`the value is nested more than ${MAX_DEPTH} levels deep`)
    this.path[this.depth++] = itself
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype) this.plain(value)
    else if (Array.isArray(value) && prototype === Array.prototype) this.array(value)
    else if (prototype === null) this.withoutPrototype(value)
    else {
      const write = typeof prototype === "object" ? writerOf(prototype) : undefined
      if (write === undefined) this.refuse(`${describePrototype(value)} cannot be saved`)
      write(this, value)
    }
    this.depth--
  }

  /** In the second pass: whether a reference was enough; marks an object that others refer to. */
  private reference(identity: object): boolean {
    const number = this.shared!.get(identity)
    if (number === undefined) return false
    if (number >= 0) {
      this.tag(TAG.sharedRef)
      this.head(MAJOR.unsigned, number)
      return true
    }
    this.shared!.set(identity, this.nextShared++)
    this.tag(TAG.shareable)
    return false
  }

  private plain(value: object): void {
    const names = Object.getOwnPropertyNames(value)
    const nature = names.length === 0 ? hiddenNature(value) : undefined
    if (nature !== undefined) this.refuse(`${nature} cannot be saved`)
    this.properties(value, names)
  }

  private withoutPrototype(value: object): void {
    if (types.isModuleNamespaceObject(value)) this.refuse("a module cannot be saved")
    this.named("NullObject", 1)
    this.properties(value, Object.getOwnPropertyNames(value))
  }

  /** A map of own properties, which must be plain data. */
  properties(value: object, names: ReadonlyArray<string>, enumerable = true): void {
    if (Object.getOwnPropertySymbols(value).length > 0) this.refuseSymbols(value)
    const shape = shapeOf(names)
    const { sorted, encoded } = shape
    const count = sorted.length
    this.head(MAJOR.map, count)
    for (let i = 0; i < count; i++) {
      const name = sorted[i]!
      const property = Object.getOwnPropertyDescriptor(value, name)!
      if (encoded === undefined) this.text(name)
      else this.sink.writeFew(encoded[i]!)
      this.path[this.depth - 1] = name
      if (property.get !== undefined || property.set !== undefined) this.value(this.accessor(value, name, property))
      else {
        if (property.enumerable !== enumerable) {
          this.refuse(`the property is ${enumerable ? "not " : ""}enumerable`)
        }
        this.value(property.value)
      }
    }
  }

  /** The value of the one accessor that is data: an error's stack. */
  private accessor(value: object, name: string, property: PropertyDescriptor): unknown {
    if (name === "stack" && stackGetter !== undefined && property.get === stackGetter && types.isNativeError(value)) {
      return Reflect.apply(stackGetter, value, [])
    }
    return this.refuse("the property is computed by a getter, or has a setter")
  }

  refuseSymbols(value: object): never {
    const symbol = Object.getOwnPropertySymbols(value)[0]!
    this.path[this.depth - 1] = { place: `[${String(symbol)}]` }
    return this.refuse("a property named by a symbol cannot be saved")
  }

  /** Refuses what has own properties besides those that make it what it is. */
  bare(value: object, allowed = 0): void {
    const keys = Reflect.ownKeys(value)
    if (keys.length === allowed) return
    const key = keys.find((key) => allowed === 0 || key !== "lastIndex")!
    if (typeof key === "symbol") this.refuseSymbols(value)
    this.path[this.depth - 1] = key
    this.refuse(`a property that ${describePrototype(value)} does not have by itself cannot be saved`)
  }

  private array(value: ReadonlyArray<unknown>): void {
    if (Object.getOwnPropertySymbols(value).length > 0) this.refuseSymbols(value)
    const count = value.length
    if (!hasOnlyElements(value)) return this.sparse(value)
    this.head(MAJOR.array, count)
    for (let i = 0; i < count; i++) this.element(value, i)
  }

  private element(value: ReadonlyArray<unknown>, index: number): void {
    const element = Object.getOwnPropertyDescriptor(value, index)!
    this.path[this.depth - 1] = index
    if (element.get !== undefined || element.set !== undefined) this.refuse("the element is computed by a getter, or has a setter")
    if (!element.enumerable) this.refuse("the element is not enumerable")
    this.value(element.value)
  }

  /** An array with holes: its length, and a map of the elements that are there. */
  private sparse(value: ReadonlyArray<unknown>): void {
    const names = Object.getOwnPropertyNames(value)
    const count = names.length - 1
    if (names[count] !== "length") {
      this.path[this.depth - 1] = names[count]!
      this.refuse("a property of an array that is not an element cannot be saved")
    }
    this.named("Array", 2)
    this.head(MAJOR.unsigned, value.length)
    this.head(MAJOR.map, count)
    for (let i = 0; i < count; i++) {
      const index = Number(names[i])
      this.head(MAJOR.unsigned, index)
      this.element(value, index)
    }
  }

  /** Bytes as a byte string. */
  bytes(value: Uint8Array): void {
    this.head(MAJOR.bytes, value.length)
    this.sink.write(value)
  }

  view(view: ArrayBufferView, kind: TypedArrayKind): void {
    if (!isViewOfKind(view, kind)) this.refuse(`an object that only inherits from ${kind.name} cannot be saved`)
    if (!isOnlyBytes(view, kind)) this.refuse(`a ${kind.name} with properties of its own cannot be saved`)
    const buffer = view.buffer
    if (!types.isArrayBuffer(buffer)) return this.refuse("memory that threads share (a SharedArrayBuffer) cannot be saved")
    this.memory(buffer)
    if (this.shared === undefined) {
      const known = (this.views ??= new Map()).get(buffer)
      if (known === undefined) this.views.set(buffer, [view])
      else known.push(view)
    }
    const region = this.regions?.get(view)
    if (region === undefined) return this.contents(view, kind)
    this.named(kind.name, 3)
    if (!this.reference(region.identity)) this.bytes(region.bytes())
    this.head(MAJOR.unsigned, view.byteOffset - region.begin)
    this.head(MAJOR.unsigned, view.byteLength / kind.elementBytes)
  }

  memory(buffer: ArrayBuffer): void {
    if (!littleEndian) this.refuse("binary data cannot be saved on a big-endian machine")
    if (buffer.detached) this.refuse("memory that was transferred elsewhere (a detached ArrayBuffer) cannot be saved")
    if (buffer.resizable) this.refuse("a resizable ArrayBuffer cannot be saved")
  }

  private contents(view: ArrayBufferView, kind: TypedArrayKind): void {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    if (kind.tag < 0) {
      this.named(kind.name, 1)
      return this.bytes(bytes)
    }
    if (kind.elementBytes === 1 || bytes.length < LARGE_BYTES || bytes.length >= 2 ** 32) {
      this.tag(kind.tag)
      return this.bytes(bytes)
    }
    const [selfDescribed, tagBytes, lengthBytes] = PADDING[this.sink.length % 8]!
    if (selfDescribed) this.tag(TAG.selfDescribed)
    this.wideHead(MAJOR.tag, kind.tag, tagBytes)
    this.wideHead(MAJOR.bytes, bytes.length, lengthBytes)
    this.sink.write(bytes)
  }

  /** A head of a given width, which may be more than the argument needs. */
  private wideHead(major: number, argument: number, headBytes: 2 | 3 | 5 | 9): void {
    const sink = this.sink
    sink.writeUint8((major << 5) | { 2: 24, 3: 25, 5: 26, 9: 27 }[headBytes])
    if (headBytes === 2) sink.writeUint8(argument)
    else if (headBytes === 3) sink.writeUint16(argument)
    else if (headBytes === 5) sink.writeUint32(argument)
    else sink.writeBigUint64(BigInt(argument))
  }
}

const reasonOf = (error: unknown): string => {
  if (error instanceof Refusal) return error.reason
  if (error instanceof RangeError && /call stack/.test(error.message)) return "the value is nested too deeply for what is left of the stack"
  return `reading it failed: ${describe(error)}`
}

/** A value as CBOR, or why and where it cannot be saved. */
export const encode = (value: unknown): Result.Result<Encoded, Unsavable> => {
  const walk = new Walk()
  try {
    return Result.succeed(walk.run(value))
  } catch (error) {
    return Result.fail({ path: pathText(walk.path.slice(0, walk.depth)), reason: reasonOf(error) })
  }
}
