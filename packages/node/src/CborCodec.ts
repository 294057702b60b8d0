/**
 * Values as CBOR (RFC 8949, with the typed arrays of RFC 8746): the codec that keeps every JavaScript value.
 *
 * A walk of ours looks at each object and either writes it so that it comes back equal, identity and cycles included,
 * or refuses it and names its place; cbor2 writes the bytes. Equal values give equal bytes. Reading is strict and
 * bounded, and runs no code. Class instances are refused: a schema on the step makes plain data of them.
 *
 * docs/format/codec.md describes the bytes, for readers in other languages too.
 */
import { Codec, type CodecService } from "@uniflow/core"
import { Layer } from "effect"
import { decode } from "./internal/cborDecode.ts"
import { encode } from "./internal/cborEncode.ts"

/** CBOR that keeps every JavaScript value; typed arrays of 1 MiB and more are neither copied in nor, mostly, out. */
export const codec: CodecService = {
  id: "cbor/1",
  mediaType: "application/cbor",
  encode,
  decode
}

/** Saves values as CBOR. */
export const layer: Layer.Layer<Codec> = Layer.succeed(Codec, codec)
