import * as CborCodec from "../src/CborCodec.ts"
import { joinEncoded } from "@uniflow/core"
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { anyValue, reordered } from "./anyValue.ts"
import { difference } from "./sameValue.ts"

const { codec } = CborCodec

const bytesOf = (value: unknown): Uint8Array => {
  const encoded = codec.encode(value)
  if (Result.isFailure(encoded)) throw new Error(`${encoded.failure.path}: ${encoded.failure.reason}`)
  const bytes = joinEncoded(encoded.success)
  expect(bytes.length).toBe(encoded.success.sizeBytes)
  return bytes
}

const valueOf = (bytes: Uint8Array): unknown => {
  const decoded = codec.decode(bytes)
  if (Result.isFailure(decoded)) throw new Error(decoded.failure)
  return decoded.success
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

describe("what is saved comes back equal", () => {
  it("any value, as a graph: kinds, identities and cycles", () => {
    fc.assert(fc.property(anyValue, (value) => {
      const bytes = bytesOf(value)
      const again = valueOf(bytes)
      expect(difference(value, again)).toBeUndefined()
      expect(hex(bytesOf(again))).toBe(hex(bytes))
    }), { numRuns: 3000 })
  })
  it("the order of an object's keys does not count", () => {
    fc.assert(fc.property(anyValue, fc.nat(), (value, seed) => {
      expect(hex(bytesOf(reordered(value, seed)))).toBe(hex(bytesOf(value)))
    }), { numRuns: 1000 })
  })
})
