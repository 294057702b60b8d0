import type { HasherService, IncrementalHash } from "../Hasher.ts"

const primes = (count: number): Array<number> => {
  const found: Array<number> = []
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n)
  return found
}

const fraction = (x: number): number => Math.floor((x - Math.floor(x)) * 2 ** 32) >>> 0

const K = Uint32Array.from(primes(64), (p) => fraction(Math.cbrt(p)))
const INITIAL = Uint32Array.from(primes(8), (p) => fraction(Math.sqrt(p)))

const rotate = (x: number, n: number): number => (x >>> n) | (x << (32 - n))

class Sha256 implements IncrementalHash {
  private readonly state = Uint32Array.from(INITIAL)
  private readonly block = new Uint8Array(64)
  private readonly view = new DataView(this.block.buffer)
  private readonly schedule = new Uint32Array(64)
  private filled = 0
  private length = 0

  update(bytes: Uint8Array): void {
    this.length += bytes.length
    let offset = 0
    while (offset < bytes.length) {
      const taken = Math.min(64 - this.filled, bytes.length - offset)
      this.block.set(bytes.subarray(offset, offset + taken), this.filled)
      this.filled += taken
      offset += taken
      if (this.filled === 64) {
        this.compress()
        this.filled = 0
      }
    }
  }

  bytes(): Uint8Array {
    const bits = this.length * 8
    this.block[this.filled++] = 0x80
    if (this.filled > 56) {
      this.block.fill(0, this.filled)
      this.compress()
      this.filled = 0
    }
    this.block.fill(0, this.filled)
    this.view.setUint32(56, Math.floor(bits / 2 ** 32))
    this.view.setUint32(60, bits >>> 0)
    this.compress()
    const out = new Uint8Array(32)
    const view = new DataView(out.buffer)
    this.state.forEach((word, i) => view.setUint32(i * 4, word))
    return out
  }

  digest(): string {
    return toHex(this.bytes())
  }

  private compress(): void {
    const w = this.schedule
    for (let i = 0; i < 16; i++) w[i] = this.view.getUint32(i * 4)
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15]!
      const b = w[i - 2]!
      const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)
      const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10)
      w[i] = w[i - 16]! + s0 + w[i - 7]! + s1
    }
    let [a, b, c, d, e, f, g, h] = this.state as unknown as [number, number, number, number, number, number, number, number]
    for (let i = 0; i < 64; i++) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    const next = [a, b, c, d, e, f, g, h]
    for (let i = 0; i < 8; i++) this.state[i] = this.state[i]! + next[i]!
  }
}

/** Bytes as lower-case hexadecimal. */
export const toHex = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0")
  return text
}

const encoder = new TextEncoder()

const digestBytes = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const hash = new Sha256()
  for (const part of parts) hash.update(part)
  return hash.bytes()
}

/** The portable hasher: slower than a platform's own, and the same everywhere. */
export const hasher: HasherService = {
  bytes: (bytes) => toHex(digestBytes(bytes)),
  text: (text) => toHex(digestBytes(encoder.encode(text))),
  make: () => new Sha256(),
  keyed: (key, text) => {
    const block = new Uint8Array(64)
    block.set(key.length > 64 ? digestBytes(key) : key)
    const inner = digestBytes(block.map((byte) => byte ^ 0x36), encoder.encode(text))
    return toHex(digestBytes(block.map((byte) => byte ^ 0x5c), inner))
  }
}
