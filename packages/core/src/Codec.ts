/**
 * How a value becomes bytes and comes back equal.
 *
 * A codec is faithful: `decode(encode(value))` equals `value`, or `encode` refuses and names the path inside the
 * value. It is deterministic: equal values give equal bytes, because the digest of those bytes is what decides
 * whether later steps run again. Decoding never runs code, sets no prototype, and is bounded in depth and size.
 *
 * Core holds the plain JSON codec (`JsonCodec`); `@uniflow/node` the CBOR codec that keeps every JavaScript value.
 */
import { Context, type Result } from "effect"

/** Below so many bytes a value and what is saved of it never share memory. */
export const SHARED_BYTES = 256 * 1024

/** Bytes in pieces, in order: a large typed array may be a piece by itself and not a copy (from `SHARED_BYTES` on). */
export interface Encoded {
  readonly segments: ReadonlyArray<Uint8Array>
  readonly sizeBytes: number
}

/** Why a value cannot be saved, and where in it: `$.model.layers[2].activation`. */
export interface Unsavable {
  readonly path: string
  readonly reason: string
}

export interface CodecService {
  /** Stands in fingerprints and beside every artifact: changing the format changes the id. */
  readonly id: string
  /** Media type of the bytes. */
  readonly mediaType: string
  /** Bytes of a value, or why it has none. */
  readonly encode: (value: unknown) => Result.Result<Encoded, Unsavable>
  /**
   * The value of bytes whose digest was verified, or why they have none. Where there are `SHARED_BYTES` or more, typed
   * arrays may share memory with them.
   */
  readonly decode: (bytes: Uint8Array) => Result.Result<unknown, string>
}

/** The codec that new values are saved with. */
export class Codec extends Context.Service<Codec, CodecService>()("@uniflow/core/Codec") {}

/** `Encoded` of one piece. */
export const encodedOf = (bytes: Uint8Array): Encoded => ({ segments: [bytes], sizeBytes: bytes.length })

/** All pieces in one array; without a copy when there is one piece. */
export const joinEncoded = (value: Encoded): Uint8Array => {
  if (value.segments.length === 1) return value.segments[0]!
  const bytes = new Uint8Array(value.sizeBytes)
  let offset = 0
  for (const segment of value.segments) {
    bytes.set(segment, offset)
    offset += segment.length
  }
  return bytes
}
