/**
 * The keys of plain objects in the order of RFC 8949, section 4.2.1: bytewise by their encoded form, so shorter first.
 *
 * Objects of one program have few shapes, and sorting and encoding keys is most of what saving a small object costs:
 * shapes are kept, up to a bound, and their keys' bytes from the second use on.
 */
import { Buffer } from "node:buffer"
import { writeString } from "cbor2/encoder"
import { Writer } from "cbor2/writer"
import { cborOptions } from "./cborOptions.ts"

export interface ObjectShape {
  /** Keys in the order in which the object has them. */
  readonly names: ReadonlyArray<string>
  /** The same keys in the order in which they are saved. */
  readonly sorted: ReadonlyArray<string>
  /** The encoded form of each sorted key, once it is worth having. */
  encoded: ReadonlyArray<Uint8Array> | undefined
}

const MOST_KEYS = 64
const MOST_SHAPES = 512

const shapesByFirstKey = new Map<string, Array<ObjectShape>>()
let kept = 0

const encode = (key: string): Uint8Array => {
  const writer = new Writer({ chunkSize: 256 })
  writeString(key, writer, cborOptions)
  return writer.read()
}

/** The order of code points, which is the order of UTF-8 bytes; UTF-16 orders the surrogates otherwise. */
const byCodePoint = (a: string, b: string): number => {
  const count = Math.min(a.length, b.length)
  for (let i = 0; i < count; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) {
      // The halves of a pair compare like the pairs: step back when the difference is in the second half.
      const low = (text: string): boolean => (text.charCodeAt(i) & 0xfc00) === 0xdc00
      const high = i > 0 && (a.charCodeAt(i - 1) & 0xfc00) === 0xd800
      const from = high && (low(a) || low(b)) ? i - 1 : i
      return a.codePointAt(from)! - b.codePointAt(from)!
    }
  }
  return a.length - b.length
}

const sortKeys = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const keys = names.map((name) => ({ name, sizeBytes: Buffer.byteLength(name), wellFormed: name.isWellFormed() }))
  keys.sort((a, b) =>
    a.wellFormed === b.wellFormed
      ? a.sizeBytes - b.sizeBytes || byCodePoint(a.name, b.name)
      : a.wellFormed
      ? -1
      : 1
  )
  return keys.map((key) => key.name)
}

const fits = (shape: ObjectShape, names: ReadonlyArray<string>): boolean => {
  const known = shape.names
  if (known.length !== names.length) return false
  for (let i = 0; i < names.length; i++) if (known[i] !== names[i]) return false
  return true
}

/** The shape of an object with these own keys; `names` must not be changed afterwards. */
export const shapeOf = (names: ReadonlyArray<string>): ObjectShape => {
  if (names.length > MOST_KEYS) return { names, sorted: sortKeys(names), encoded: undefined }
  const first = names[0] ?? ""
  const candidates = shapesByFirstKey.get(first)
  if (candidates !== undefined) {
    for (const shape of candidates) {
      if (!fits(shape, names)) continue
      shape.encoded ??= shape.sorted.map(encode)
      return shape
    }
  }
  const shape: ObjectShape = { names, sorted: sortKeys(names), encoded: undefined }
  if (kept === MOST_SHAPES) {
    shapesByFirstKey.clear()
    kept = 0
  }
  kept++
  const list = shapesByFirstKey.get(first)
  if (list === undefined) shapesByFirstKey.set(first, [shape])
  else list.push(shape)
  return shape
}
