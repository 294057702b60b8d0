import { expect, it } from "vitest"
import { createHash, createHmac, randomBytes } from "node:crypto"
import { hasher } from "../src/internal/sha256.ts"

it("the portable SHA-256 and HMAC give what the platform's give", () => {
  for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 100_001]) {
    const bytes = randomBytes(size)
    expect(hasher.bytes(bytes)).toBe(createHash("sha256").update(bytes).digest("hex"))
  }
  for (const size of [1, 32, 64, 65, 200]) {
    const key = randomBytes(size)
    expect(hasher.keyed(key, "naïve")).toBe(createHmac("sha256", key).update("naïve").digest("hex"))
  }
})
