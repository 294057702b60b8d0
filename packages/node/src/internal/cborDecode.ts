/**
 * Reads what the walk wrote: one item, with the tags that the format knows, its keys in order, nothing after it.
 *
 * Nesting is bounded and every length is checked, so that damaged or hostile bytes end in an error, and soon. No code
 * is run or made, and no prototype is set. An object exists before its parts are read, so that they may refer to it.
 */
import { Buffer } from "node:buffer"
import { describe } from "@uniflow/core"
import { Result } from "effect"
import { CborInput, Malformed } from "./cborInput.ts"
import { LARGE_BYTES, MAJOR } from "./cborSink.ts"
import { MAX_DEPTH, TAG } from "./cborTags.ts"
import { errorKinds, hiddenOfErrors } from "./errorKinds.ts"
import { bufferKind, dataViewKind, littleEndian, type TypedArrayKind, typedArrayByTag, typedArrayKinds } from "./typedArrays.ts"

/** Stands for a shared object that is being read and does not exist yet. */
const unfinished = Symbol("unfinished")

/** The number of what is not shared. */
const UNSHARED = -1

type ReadNamed = (reader: Reader, items: number, share: number) => object

class Reader {
  readonly input: CborInput
  private readonly shared: Array<unknown> = []
  private depth = 0

  constructor(bytes: Uint8Array) {
    this.input = new CborInput(bytes)
  }

  all(): unknown {
    const value = this.item(UNSHARED)
    if (this.input.offset !== this.input.bytes.length) this.input.fail("there are more after the value")
    return value
  }

  item(share: number): unknown {
    const input = this.input
    const initial = input.byte()
    const major = initial >> 5
    if (major === MAJOR.simple) return this.plain(input.simple(initial & 31), share)
    const argument = input.argument(initial & 31)
    if (major === MAJOR.tag) return this.tagged(argument, share)
    input.requireShortest()
    switch (major) {
      case MAJOR.text:
        return this.plain(input.text(argument), share)
      case MAJOR.unsigned:
        return this.plain(argument, share)
      case MAJOR.negative:
        return this.plain(input.negative(argument), share)
      case MAJOR.array:
        return this.array(argument, share)
      case MAJOR.map:
        return this.object(argument, share)
      default:
        return this.own(this.copy(input.take(argument)), share)
    }
  }

  /** Something that has no identity. */
  private plain<A>(value: A, share: number): A {
    if (share !== UNSHARED) this.input.fail("something is shared that is no object")
    return value
  }

  /** An object that has just been made. */
  own<A extends object>(value: A, share: number): A {
    if (share !== UNSHARED) this.shared[share] = value
    return value
  }

  enter(): void {
    if (++this.depth > MAX_DEPTH) this.input.fail(`the value is nested more than ${MAX_DEPTH} levels deep`)
  }

  leave(): void {
    this.depth--
  }

  private array(count: number, share: number): ReadonlyArray<unknown> {
    this.input.need(count)
    this.enter()
    const array: Array<unknown> = this.own([], share)
    for (let i = 0; i < count; i++) array.push(this.item(UNSHARED))
    this.leave()
    return array
  }

  private object(count: number, share: number): object {
    this.enter()
    const object = this.properties(this.own({}, share), count)
    this.leave()
    return object
  }

  /** Reads so many properties into an object. */
  properties<A extends object>(object: A, count: number, enumerable = true): A {
    const input = this.input
    input.need(count * 2)
    let before = -1
    for (let i = 0; i < count; i++) {
      const at = input.offset
      const key = input.key()
      const inherited = input.inherited
      if (before >= 0 && !input.ascending(before, at, input.offset)) input.fail("keys are repeated, or not in order")
      before = at
      const value = this.item(UNSHARED)
      if (enumerable && !inherited) (object as Record<string, unknown>)[key] = value
      else Object.defineProperty(object, key, { value, enumerable, configurable: true, writable: true })
    }
    return object
  }

  private tagged(tag: number, share: number): unknown {
    const input = this.input
    const kind = typedArrayByTag(tag)
    if (kind !== undefined) return this.own(this.typedArray(kind), share)
    input.requireShortest()
    switch (tag) {
      case TAG.shareable: {
        if (share !== UNSHARED) input.fail("something is shared twice")
        const number = this.shared.push(unfinished) - 1
        return this.item(number)
      }
      case TAG.sharedRef:
        return this.plain(this.reference(input.head(MAJOR.unsigned)), share)
      case TAG.object:
        return this.named(share)
      case TAG.epoch:
        return this.own(new Date(this.milliseconds()), share)
      case TAG.bigint:
        return this.plain(this.bigint(), share)
      case TAG.negativeBigint:
        return this.plain(-1n - this.bigint(), share)
      case TAG.wtf8:
        return this.plain(input.wtf8(), share)
      case TAG.uri:
        return this.own(this.url(), share)
      case TAG.regexp:
        input.requireItems(input.head(MAJOR.array), 2)
        return this.own(this.regexp(), share)
      case TAG.set:
        return this.set(share)
      case TAG.map:
        return this.map(share)
      case TAG.selfDescribed:
        return this.own(this.paddedArray(), share)
      default:
        return input.fail(`tag ${tag} is none of the format's`)
    }
  }

  private reference(number: number): unknown {
    if (number >= this.shared.length) this.input.fail("a reference is to an object that did not come before")
    const value = this.shared[number]
    if (value === unfinished) this.input.fail("a reference is to an object that cannot hold itself")
    return value
  }

  private named(share: number): object {
    const input = this.input
    const items = input.head(MAJOR.array) - 1
    const name = items < 0 ? "" : input.textItem()
    const read = readersByName.get(name)
    if (read === undefined) return input.fail("an object has a name that is none of the format's")
    this.enter()
    const value = read(this, items, share)
    this.leave()
    return value
  }

  number(): number {
    const value = this.item(UNSHARED)
    return typeof value === "number" ? value : this.input.fail("a number is required here")
  }

  private milliseconds(): number {
    const seconds = this.number()
    const ms = Math.round(seconds * 1000)
    if (ms / 1000 !== seconds || Math.abs(ms) > 8.64e15) this.input.fail("a time is not in milliseconds, or out of range")
    return ms
  }

  private bigint(): bigint {
    const bytes = this.input.take(this.input.head(MAJOR.bytes))
    if (bytes.length === 0 || (bytes[0] === 0 && bytes.length > 1)) this.input.fail("a bigint has a longer form than it needs, or none")
    return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`)
  }

  private url(): URL {
    const href = this.input.textItem()
    const url = URL.parse(href)
    return url !== null && url.href === href ? url : this.input.fail("a text is not a URL as they are saved")
  }

  regexp(): RegExp {
    const source = this.input.textItem()
    const flags = this.input.textItem()
    const expression = makeRegExp(source, flags)
    return expression ?? this.input.fail("a text is not a regular expression")
  }

  private set(share: number): ReadonlySet<unknown> {
    const input = this.input
    const count = input.head(MAJOR.array)
    input.need(count)
    this.enter()
    const set = this.own(new Set(), share)
    for (let i = 0; i < count; i++) {
      set.add(this.item(UNSHARED))
      if (set.size !== i + 1) input.fail("an element of a Set is repeated")
    }
    this.leave()
    return set
  }

  private map(share: number): ReadonlyMap<unknown, unknown> {
    const input = this.input
    const count = input.head(MAJOR.map)
    input.need(count * 2)
    this.enter()
    const map = this.own(new Map(), share)
    for (let i = 0; i < count; i++) {
      this.entry(map)
      if (map.size !== i + 1) input.fail("a key of a Map is repeated")
    }
    this.leave()
    return map
  }

  entry(map: Map<unknown, unknown>): void {
    const key = this.item(UNSHARED)
    // The place is taken before the value is read, which may be long.
    map.set(key, undefined)
    map.set(key, this.item(UNSHARED))
  }

  /** Bytes of the input in memory of their own. */
  copy(bytes: Uint8Array): ArrayBuffer {
    const copy = new ArrayBuffer(bytes.length)
    new Uint8Array(copy).set(bytes)
    return copy
  }

  private typedArray(kind: TypedArrayKind): ArrayBufferView {
    const input = this.input
    const tagIsShortest = input.shortest
    const initial = input.byte()
    if (initial >> 5 !== MAJOR.bytes) input.fail("an item is not of the kind that its place requires")
    const sizeBytes = input.argument(initial & 31)
    if ((!tagIsShortest || !input.shortest) && sizeBytes < LARGE_BYTES) input.fail("a head is longer than it has to be")
    return this.viewOf(kind, sizeBytes)
  }

  /** A typed array before which tag 55799 stands, so that its bytes begin at a multiple of eight. */
  private paddedArray(): ArrayBufferView {
    const input = this.input
    const initial = input.byte()
    const kind = initial >> 5 === MAJOR.tag ? typedArrayByTag(input.argument(initial & 31)) : undefined
    const view = kind === undefined ? undefined : this.typedArray(kind)
    return view !== undefined && view.byteLength >= LARGE_BYTES ? view : input.fail("tag 55799 stands where it has no use")
  }

  /** A view of the next bytes: of the input itself when they are many and aligned, else of a copy. */
  viewOf(kind: TypedArrayKind, sizeBytes: number): ArrayBufferView {
    const input = this.input
    if (!littleEndian) input.fail("binary data cannot be loaded on a big-endian machine")
    if (sizeBytes % kind.elementBytes !== 0) input.fail(`the bytes of a ${kind.name} end within an element`)
    const bytes = input.take(sizeBytes)
    const count = sizeBytes / kind.elementBytes
    return sizeBytes >= LARGE_BYTES && bytes.byteOffset % kind.elementBytes === 0
      ? kind.make(bytes.buffer, bytes.byteOffset, count)
      : kind.make(this.copy(bytes), 0, count)
  }

  /** A view that shares its memory with others: the memory, where in it the view begins, how many elements it has. */
  sharedView(kind: TypedArrayKind): ArrayBufferView {
    const input = this.input
    const memory = this.item(UNSHARED)
    if (!(memory instanceof ArrayBuffer)) return input.fail("a view is of something that is no memory")
    const byteOffset = input.head(MAJOR.unsigned)
    const count = input.head(MAJOR.unsigned)
    if (byteOffset % kind.elementBytes !== 0 || byteOffset + count * kind.elementBytes > memory.byteLength) {
      input.fail("a view reaches past its memory")
    }
    return kind.make(memory, byteOffset, count)
  }

  /** An array with holes. */
  sparseArray(share: number): ReadonlyArray<unknown> {
    const input = this.input
    const length = input.head(MAJOR.unsigned)
    if (length > 2 ** 32 - 1) input.fail("an array is longer than arrays are")
    const array: Array<unknown> = this.own([], share)
    const count = input.head(MAJOR.map)
    input.need(count * 2)
    // A far element makes the array a sparse one: its length then takes no memory.
    array[2 ** 32 - 2] = undefined
    array.length = 0
    let last = -1
    for (let i = 0; i < count; i++) {
      const index = input.head(MAJOR.unsigned)
      if (index <= last || index >= length) input.fail("the elements of an array are not in order, or past its length")
      last = index
      array[index] = this.item(UNSHARED)
    }
    array.length = length
    return array
  }
}

const makeRegExp = (source: string, flags: string): RegExp | undefined => {
  try {
    const expression = new RegExp(source, flags)
    return expression.source === source && expression.flags === flags ? expression : undefined
  } catch {
    return undefined
  }
}

const readersByName = new Map<string, ReadNamed>()

const named = (name: string, items: number, read: (reader: Reader, share: number) => object): void => {
  readersByName.set(name, (reader, given, share) => {
    reader.input.requireItems(given, items)
    return read(reader, share)
  })
}

named("NullObject", 1, (reader, share) => {
  const object: object = reader.own(Object.create(null), share)
  return reader.properties(object, reader.input.head(MAJOR.map))
})
named("Array", 2, (reader, share) => reader.sparseArray(share))
named("Map", 1, (reader, share) => {
  const count = reader.input.head(MAJOR.array)
  reader.input.need(count * 3)
  const map = reader.own(new Map(), share)
  for (let i = 0; i < count; i++) {
    reader.input.requireItems(reader.input.head(MAJOR.array), 2)
    reader.entry(map)
    if (map.size !== i + 1) reader.input.fail("a key of a Map is repeated")
  }
  return map
})
named("Date", 1, (reader, share) => reader.own(new Date(reader.number()), share))
named("RegExp", 3, (reader, share) => {
  const expression = reader.own(reader.regexp(), share)
  expression.lastIndex = reader.input.head(MAJOR.unsigned)
  return expression
})
for (const { name, make } of errorKinds) {
  named(name, 2, (reader, share) => {
    const error = reader.own(make(), share)
    for (const key of Reflect.ownKeys(error)) Reflect.deleteProperty(error, key)
    reader.properties(error, reader.input.head(MAJOR.map), false)
    const hidden = Object.getOwnPropertyNames(error)
    if (!hidden.every((key) => hiddenOfErrors.has(key))) reader.input.fail("an error hides a property that errors do not have")
    const visible = reader.properties({}, reader.input.head(MAJOR.map))
    for (const key of Object.getOwnPropertyNames(visible)) {
      if (hidden.includes(key)) reader.input.fail("an error has a property twice")
      Object.defineProperty(error, key, Object.getOwnPropertyDescriptor(visible, key)!)
    }
    return error
  })
}
for (const kind of [...typedArrayKinds, bufferKind, dataViewKind]) {
  readersByName.set(kind.name, (reader, items, share) => {
    if (items === 1 && kind.tag < 0) return reader.own(reader.viewOf(kind, reader.input.head(MAJOR.bytes)), share)
    reader.input.requireItems(items, 3)
    return reader.own(reader.sharedView(kind), share)
  })
}

/** The value of bytes, or what is wrong with them and where. */
export const decode = (bytes: Uint8Array): Result.Result<unknown, string> => {
  const reader = new Reader(bytes)
  try {
    return Result.succeed(reader.all())
  } catch (error) {
    return Result.fail(
      error instanceof Malformed
        ? `the bytes are not a saved value: at byte ${error.at}, ${error.reason}`
        : `the bytes cannot be read: at byte ${reader.input.offset}, ${describe(error)}`
    )
  }
}
