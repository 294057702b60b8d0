import { Hasher } from "@uniflow/core"
import { Effect } from "effect"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { NodeHasher } from "../src/index.ts"

const portable = Effect.runSync(Hasher)
const native = Effect.runSync(Effect.provide(Hasher, NodeHasher.layer))

it("gives the digests of core's portable hasher, for bytes, texts (lone surrogates too), pieces and keyed hashes", () => {
  expect(native).not.toBe(portable)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: "binary" }), fc.uint8Array({ maxLength: 100 }), (bytes, text, key) => {
    expect(native.bytes(bytes)).toBe(portable.bytes(bytes))
    for (const some of [text, `${text}\ud800`, `\udc00${text}`]) {
      expect(native.text(some)).toBe(portable.text(some))
      expect(native.keyed(key, some)).toBe(portable.keyed(key, some))
    }
    const hash = native.make()
    hash.update(bytes.subarray(0, 7))
    hash.update(bytes.subarray(7))
    expect(hash.digest()).toBe(portable.bytes(bytes))
  }))
})
