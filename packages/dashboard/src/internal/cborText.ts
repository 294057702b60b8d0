/**
 * Saved values (CBOR, RFC 8949) as text for reading: the notation of JavaScript, cut where it gets long.
 *
 * Reads what is there of the bytes, which may be only their beginning, and makes no values: nothing that was stored can do more here than be shown.
 */

const MOST_CHARACTERS = 100_000
const MOST_ELEMENTS = 100
const MOST_DEPTH = 40

/** The bytes end here, or are no CBOR; what was read before stands. */
class Ended extends Error {}

const arrays: { readonly [tag: number]: readonly [name: string, size: number, read: (view: DataView, at: number) => number | bigint] } = {
  64: ["Uint8Array", 1, (view, at) => view.getUint8(at)],
  68: ["Uint8ClampedArray", 1, (view, at) => view.getUint8(at)],
  69: ["Uint16Array", 2, (view, at) => view.getUint16(at, true)],
  70: ["Uint32Array", 4, (view, at) => view.getUint32(at, true)],
  71: ["BigUint64Array", 8, (view, at) => view.getBigUint64(at, true)],
  72: ["Int8Array", 1, (view, at) => view.getInt8(at)],
  77: ["Int16Array", 2, (view, at) => view.getInt16(at, true)],
  78: ["Int32Array", 4, (view, at) => view.getInt32(at, true)],
  79: ["BigInt64Array", 8, (view, at) => view.getBigInt64(at, true)],
  84: ["Float16Array", 2, (view, at) => halfAt(view, at, true)],
  85: ["Float32Array", 4, (view, at) => Number(view.getFloat32(at, true).toPrecision(8))],
  86: ["Float64Array", 8, (view, at) => view.getFloat64(at, true)]
}

const halfAt = (view: DataView, at: number, little = false): number => {
  const bits = view.getUint16(at, little)
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023]
  const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? (fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN) : (1024 + fraction) * 2 ** (exponent - 25)
  return bits >> 15 === 0 ? size : -size
}

const isName = /^[A-Za-z_$][\w$]*$/

class Printer {
  readonly bytes: Uint8Array
  readonly view: DataView
  at = 0
  text = ""
  /** While more than 0, what is read is not shown. */
  hidden = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  put(text: string): void {
    if (this.hidden > 0) return
    this.text += text
    if (this.text.length > MOST_CHARACTERS) throw new Ended()
  }

  take(count: number): number {
    const from = this.at
    if (count > this.bytes.length - from) throw new Ended()
    this.at += count
    return from
  }

  head(): readonly [major: number, info: number, argument: number] {
    const first = this.bytes[this.take(1)]!
    const [major, info] = [first >> 5, first & 31]
    if (info < 24) return [major, info, info]
    if (info === 24) return [major, info, this.view.getUint8(this.take(1))]
    if (info === 25) return [major, info, this.view.getUint16(this.take(2))]
    if (info === 26) return [major, info, this.view.getUint32(this.take(4))]
    if (info === 27) return [major, info, Number(this.view.getBigUint64(this.take(8)))]
    throw new Ended()
  }

  string(length: number): string {
    const left = this.bytes.length - this.at
    const text = new TextDecoder().decode(this.bytes.subarray(this.at, this.at + Math.min(length, left)))
    if (length > left) {
      this.put(JSON.stringify(text).slice(0, -1))
      throw new Ended()
    }
    this.at += length
    return text
  }

  /** `count` entries between brackets, each on a line of its own unless they are short. */
  entries(open: string, close: string, count: number, depth: number, entry: () => void): void {
    if (depth > MOST_DEPTH) throw new Ended()
    const before = this.text.length
    this.put(open)
    for (let index = 0; index < count; index++) {
      if (index === MOST_ELEMENTS) {
        this.put(`\n${"  ".repeat(depth + 1)}… ${count - index} more`)
        this.hidden++
      }
      this.put(`${index === 0 ? "" : ","}\n${"  ".repeat(depth + 1)}`)
      entry()
    }
    if (count > MOST_ELEMENTS) this.hidden--
    this.put(count === 0 ? close : `\n${"  ".repeat(depth)}${close}`)
    if (this.hidden > 0) return
    const inLine = this.text.slice(before).replaceAll(/\n */g, " ")
    if (inLine.length <= 80) this.text = this.text.slice(0, before) + inLine
  }

  value(depth: number): void {
    const [major, info, argument] = this.head()
    if (major === 0) this.put(String(argument))
    else if (major === 1) this.put(String(-1 - argument))
    else if (major === 2) {
      this.put(`${argument} bytes`)
      this.take(argument)
    } else if (major === 3) this.put(JSON.stringify(this.string(argument)))
    else if (major === 4) this.entries("[", "]", argument, depth, () => this.value(depth + 1))
    else if (major === 5) {
      this.entries("{", "}", argument, depth, () => {
        this.key(depth + 1)
        this.put(": ")
        this.value(depth + 1)
      })
    } else if (major === 6) this.tagged(argument, depth)
    else if (info === 25) this.put(String(halfAt(this.view, this.at - 2)))
    else if (info === 26) this.put(String(this.view.getFloat32(this.at - 4)))
    else if (info === 27) this.put(String(this.view.getFloat64(this.at - 8)))
    else this.put(["false", "true", "null", "undefined"][argument - 20] ?? `simple(${argument})`)
  }

  key(depth: number): void {
    const from = this.at
    const [major, , argument] = this.head()
    if (major === 3) {
      const name = this.string(argument)
      this.put(isName.test(name) ? name : JSON.stringify(name))
    } else {
      this.at = from
      this.value(depth)
    }
  }

  tagged(tag: number, depth: number): void {
    const array = arrays[tag]
    const from = this.at
    const [major, , length] = this.head()
    if (array !== undefined && major === 2) {
      const [name, size, read] = array
      const count = Math.floor(length / size)
      const there = Math.floor(Math.min(length, this.bytes.length - this.at) / size)
      const shown = Array.from({ length: Math.min(count, there, MOST_ELEMENTS) }, (_, index) => String(read(this.view, this.at + index * size)))
      this.put(`${name}(${count}) [${shown.join(", ")}${count > shown.length ? ", …" : ""}]`)
      this.take(length)
      return
    }
    if ((tag === 2 || tag === 3) && major === 2 && length <= 1024) {
      const begin = this.take(length)
      const size = this.bytes.subarray(begin, begin + length).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
      this.put(`${tag === 2 ? size : -1n - size}n`)
      return
    }
    this.at = from
    if (tag === 1) return this.date(depth)
    if (tag === 258) this.put("Set ")
    else if (tag === 259) this.put("Map ")
    else if (tag === 29) this.put("the same as shared value ")
    else if (tag === 32) this.put("URL ")
    else if (tag !== 27 && tag !== 28 && tag !== 55799) this.put(`${tag} `)
    this.value(depth)
  }

  date(depth: number): void {
    const before = this.text.length
    this.value(depth)
    if (this.hidden > 0) return
    const date = new Date(Number(this.text.slice(before)) * 1000)
    if (!Number.isNaN(date.getTime())) this.text = `${this.text.slice(0, before)}Date ${date.toISOString()}`
  }
}

/** The text; ends in `…` where the bytes or the room do. */
export const cborText = (bytes: Uint8Array): string => {
  const printer = new Printer(bytes)
  try {
    printer.value(0)
    return printer.text
  } catch (error) {
    if (!(error instanceof Ended || error instanceof RangeError)) throw error
    return `${printer.text} …`
  }
}
