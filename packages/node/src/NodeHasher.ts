/**
 * SHA-256 by Node's own crypto: the same digests as core's portable hasher, many times faster.
 *
 * Small inputs go through `crypto.hash`, which makes no hash object. Where a runtime lacks it (it came with Node
 * 21.7), `createHash` does the same.
 */
import * as crypto from "node:crypto"
import { Hasher, type HasherService } from "@uniflow/core"
import { Layer } from "effect"

const oneShot = (input: Uint8Array | string): string => crypto.hash("sha256", input, "hex")

const byObject = (input: Uint8Array | string): string => crypto.createHash("sha256").update(input).digest("hex")

const hash = typeof crypto.hash === "function" ? oneShot : byObject

/** The hasher itself, for whoever needs no layer. */
export const hasher: HasherService = {
  bytes: hash,
  text: hash,
  make: () => {
    const state = crypto.createHash("sha256")
    return {
      update(bytes) {
        state.update(bytes)
      },
      digest: () => state.digest("hex")
    }
  },
  keyed: (key, text) => crypto.createHmac("sha256", key).update(text).digest("hex")
}

/** Replaces core's hasher by this one. */
export const layer: Layer.Layer<never> = Layer.succeed(Hasher, hasher)
