/**
 * A stream of random numbers that can be put down and taken up again: the same seed and step address give the same
 * numbers on every machine, and a manual checkpoint remembers how far the stream had come.
 *
 * Not for secrets. Generator: xoshiro128** (Blackman and Vigna, 2018), seeded from SHA-256.
 */
import type { HasherService } from "./Hasher.ts"

export interface RandomStream {
  /** A number from 0 (inclusive) to 1 (exclusive), with 53 random bits. */
  next(): number
  /** A whole number from `min` to `max`, both inclusive. */
  int(min: number, max: number): number
  /** True with the given probability. Default 0.5. */
  boolean(probability?: number): boolean
  /** A number of the standard normal distribution. */
  normal(): number
  /** A new array with the elements in random order. */
  shuffle<A>(items: Iterable<A>): Array<A>
  /** One of the elements; undefined where there are none. */
  pick<A>(items: ReadonlyArray<A>): A | undefined
}

/** State of a stream: four words of 32 bits. */
export type RandomState = readonly [number, number, number, number]

const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k))

/** The state from which a step's stream begins. */
export const initialState = (hasher: HasherService, seed: number, address: string): RandomState => {
  const digest = hasher.text(`uniflow random 1\n${seed}\n${address}`)
  const word = (i: number): number => Number.parseInt(digest.slice(i * 8, i * 8 + 8), 16) >>> 0
  return [word(0) | 1, word(1), word(2), word(3)]
}

/** A stream that can tell and set its state; `drawn` is false until the first number is taken. */
export class SeededStream implements RandomStream {
  private a: number
  private b: number
  private c: number
  private d: number
  drawn = false

  constructor([a, b, c, d]: RandomState) {
    this.a = a | 0
    this.b = b | 0
    this.c = c | 0
    this.d = d | 0
  }

  get state(): RandomState {
    return [this.a >>> 0, this.b >>> 0, this.c >>> 0, this.d >>> 0]
  }

  /** Goes on from a state that was reached by drawing. */
  restore([a, b, c, d]: RandomState): void {
    this.a = a | 0
    this.b = b | 0
    this.c = c | 0
    this.d = d | 0
    this.drawn = true
  }

  /** 32 random bits. */
  bits(): number {
    this.drawn = true
    const result = Math.imul(rotate(Math.imul(this.b, 5), 7), 9) >>> 0
    const t = this.b << 9
    this.c ^= this.a
    this.d ^= this.b
    this.b ^= this.c
    this.a ^= this.d
    this.c ^= t
    this.d = rotate(this.d, 11)
    return result
  }

  next(): number {
    return ((this.bits() >>> 5) * 67108864 + (this.bits() >>> 6)) / 9007199254740992
  }

  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  boolean(probability = 0.5): boolean {
    return this.next() < probability
  }

  normal(): number {
    const u = 1 - this.next()
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.next())
  }

  shuffle<A>(items: Iterable<A>): Array<A> {
    const shuffled = [...items]
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.int(0, i)
      const taken = shuffled[i]!
      shuffled[i] = shuffled[j]!
      shuffled[j] = taken
    }
    return shuffled
  }

  pick<A>(items: ReadonlyArray<A>): A | undefined {
    return items[this.int(0, items.length - 1)]
  }
}
