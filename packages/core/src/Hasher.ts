/**
 * SHA-256, the one digest of UniFlow: artifacts are named by it, fingerprints are made of it.
 *
 * The default is written in TypeScript, so that core runs anywhere. `@uniflow/node` replaces it by the
 * platform's own, which is many times faster. Both must give the same digests.
 *
 * Digests are lower-case hexadecimal strings of 64 characters. Source: FIPS 180-4.
 */
import { Context } from "effect"
import * as sha256 from "./internal/sha256.ts"

/** A digest that is being computed over bytes that come piece by piece. */
export interface IncrementalHash {
  /** Adds bytes. */
  update(bytes: Uint8Array): void
  /** The digest of everything added; the hash cannot be used afterwards. */
  digest(): string
}

export interface HasherService {
  /** The SHA-256 of some bytes. */
  readonly bytes: (bytes: Uint8Array) => string
  /** The SHA-256 of a text's UTF-8 bytes. */
  readonly text: (text: string) => string
  /** A SHA-256 over bytes that come piece by piece. */
  readonly make: () => IncrementalHash
  /** HMAC-SHA-256 of a text under a key: how secret values are compared without being stored. Source: RFC 2104. */
  readonly keyed: (key: Uint8Array, text: string) => string
}

/** The hash function in use; written in TypeScript unless a layer replaces it. */
export const Hasher: Context.Reference<HasherService> = Context.Reference<HasherService>("@uniflow/core/Hasher", {
  defaultValue: () => sha256.hasher
})
