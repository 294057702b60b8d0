/**
 * The heads and the plain items of CBOR, read strictly: what is declared is compared with what is left before anything
 * is made of it, and heads must be as short as can be.
 */
import { Buffer, isAscii } from "node:buffer"
import { MAJOR } from "./cborSink.ts"
import { TAG } from "./cborTags.ts"
import { decodeWtf8 } from "./wtf8.ts"

/** What ends the reading of bytes that are not a value. */
export class Malformed {
  readonly reason: string
  readonly at: number
  constructor(reason: string, at: number) {
    this.reason = reason
    this.at = at
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const smallestOfSize = [24, 2 ** 8, 2 ** 16, 2 ** 32]

const float16 = (bits: number): number => {
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  const size = exponent === 31
    ? fraction === 0 ? Infinity : NaN
    : exponent === 0
    ? fraction * 2 ** -24
    : (1024 + fraction) * 2 ** (exponent - 25)
  return bits & 0x8000 ? -size : size
}

// Objects of one program have few keys, and a key that is known needs no new string.
const KEYS = 1024
const keyTexts: Array<string> = Array.from({ length: KEYS }, () => "")
/** Keys that assignment would treat in its own way (`__proto__`) or may not (what a frozen prototype has). */
const keyIsInherited = new Uint8Array(KEYS)
let inheritedNames = 0

/** Forgets the keys when something was added to what all objects inherit from. */
const checkInherited = (): void => {
  const names = Object.getOwnPropertyNames(Object.prototype).length
  if (names === inheritedNames) return
  inheritedNames = names
  keyTexts.fill("")
}

export class CborInput {
  readonly bytes: Uint8Array
  offset = 0
  /** Of the last head: whether it was as short as can be. */
  shortest = true
  /** Of the last key: whether it must be defined, not assigned. */
  inherited = false
  private dataView: DataView | undefined

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    checkInherited()
  }

  private get view(): DataView {
    return this.dataView ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength)
  }

  fail(reason: string): never {
    throw new Malformed(reason, this.offset)
  }

  byte(): number {
    if (this.offset >= this.bytes.length) this.fail("they end within the value")
    return this.bytes[this.offset++]!
  }

  /** Declares that so many bytes have to be left. */
  need(count: number): void {
    if (count > this.bytes.length - this.offset) this.fail("a length is more than what is left")
  }

  /** The argument of a head whose low five bits are given: a number, a length or a tag. */
  argument(low: number): number {
    this.shortest = true
    if (low < 24) return low
    if (low > 27) this.fail("a length is missing")
    const size = low - 24
    const at = this.offset
    this.need(1 << size)
    this.offset = at + (1 << size)
    const argument = size === 0
      ? this.bytes[at]!
      : size === 1
      ? this.view.getUint16(at)
      : size === 2
      ? this.view.getUint32(at)
      : this.view.getUint32(at) * 2 ** 32 + this.view.getUint32(at + 4)
    if (argument > Number.MAX_SAFE_INTEGER) this.fail("a number is larger than what is saved as an integer")
    this.shortest = argument >= smallestOfSize[size]!
    return argument
  }

  /** The argument of the next head, which must be of one major type. */
  head(major: number): number {
    const initial = this.byte()
    if (initial >> 5 !== major) this.fail("an item is not of the kind that its place requires")
    const argument = this.argument(initial & 31)
    this.requireShortest()
    return argument
  }

  requireItems(given: number, required: number): void {
    if (given !== required) this.fail("an array has not as many items as its place requires")
  }

  requireShortest(): void {
    if (!this.shortest) this.fail("a head is longer than it has to be")
  }

  /** The next bytes, as a view. */
  take(sizeBytes: number): Uint8Array {
    this.need(sizeBytes)
    this.offset += sizeBytes
    return this.bytes.subarray(this.offset - sizeBytes, this.offset)
  }

  negative(argument: number): number {
    const number = -1 - argument
    return Number.isSafeInteger(number) ? number : this.fail("a number is larger than what is saved as an integer")
  }

  simple(low: number): boolean | null | undefined | number {
    switch (low) {
      case 20:
        return false
      case 21:
        return true
      case 22:
        return null
      case 23:
        return undefined
      case 25:
      case 26:
      case 27: {
        const at = this.offset
        this.need(1 << (low - 24))
        this.offset = at + (1 << (low - 24))
        return low === 27 ? this.view.getFloat64(at) : low === 26 ? this.view.getFloat32(at) : float16(this.view.getUint16(at))
      }
      default:
        return this.fail("a simple value is none of the format's")
    }
  }

  /** The text of so many bytes of UTF-8. */
  text(sizeBytes: number): string {
    this.need(sizeBytes)
    const begin = this.offset
    const end = begin + sizeBytes
    this.offset = end
    if (sizeBytes < 16) {
      let text = ""
      let i = begin
      for (; i < end; i++) {
        const unit = this.bytes[i]!
        if (unit > 127) break
        text += String.fromCharCode(unit)
      }
      if (i === end) return text
    }
    const bytes = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + begin, sizeBytes)
    if (isAscii(bytes)) return bytes.toString("latin1")
    try {
      return utf8.decode(bytes)
    } catch {
      return this.fail("a text is not UTF-8")
    }
  }

  /** The text of the byte string that follows tag 273. */
  wtf8(): string {
    return decodeWtf8(this.take(this.head(MAJOR.bytes))) ?? this.fail("a text is not WTF-8, or could be UTF-8")
  }

  /** A text item, of either form. */
  textItem(): string {
    const initial = this.byte()
    const argument = this.argument(initial & 31)
    this.requireShortest()
    if (initial >> 5 === MAJOR.text) return this.text(argument)
    if (initial >> 5 !== MAJOR.tag || argument !== TAG.wtf8) this.fail("an item is not of the kind that its place requires")
    return this.wtf8()
  }

  /** The key of an object; `inherited` tells how it has to be set. */
  key(): string {
    const bytes = this.bytes
    const at = this.offset
    const initial = at < bytes.length ? bytes[at]! : 0
    const sizeBytes = initial - 0x60
    const end = at + 1 + sizeBytes
    if (sizeBytes < 1 || sizeBytes > 23 || end > bytes.length) {
      this.inherited = true
      return this.textItem()
    }
    const slot = (sizeBytes + bytes[at + 1]! * 7 + bytes[end - 1]! * 31 + bytes[at + 1 + (sizeBytes >> 1)]! * 131) % KEYS
    const known = keyTexts[slot]!
    if (known.length === sizeBytes) {
      let i = 0
      while (i < sizeBytes && known.charCodeAt(i) === bytes[at + 1 + i]) i++
      if (i === sizeBytes) {
        this.offset = end
        this.inherited = keyIsInherited[slot] === 1
        return known
      }
    }
    const text = this.textItem()
    this.inherited = text in Object.prototype
    // Only ASCII has as many bytes as units, which the comparison above relies on.
    if (text.length === sizeBytes) {
      keyTexts[slot] = text
      keyIsInherited[slot] = this.inherited ? 1 : 0
    }
    return text
  }

  /** Whether the item from `before` to `at` sorts before the item from `at` to `end`, bytewise. */
  ascending(before: number, at: number, end: number): boolean {
    const bytes = this.bytes
    for (let i = 0; at + i < end; i++) {
      const difference = bytes[before + i]! - bytes[at + i]!
      if (difference !== 0) return difference < 0
    }
    return false
  }
}
