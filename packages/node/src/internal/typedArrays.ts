/**
 * Typed arrays and the tags of RFC 8746 they are saved under, always little-endian.
 */
import { Buffer } from "node:buffer"
import { types } from "node:util"

export interface TypedArrayKind {
  readonly name: string
  readonly tag: number
  readonly elementBytes: number
  readonly prototype: object
  /** A view; the offset must be a multiple of `elementBytes`. */
  readonly make: (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView
}

interface TypedArrayConstructor {
  readonly name: string
  readonly BYTES_PER_ELEMENT: number
  readonly prototype: object
  new(buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView
}

const kind = (tag: number, constructor: TypedArrayConstructor): TypedArrayKind => ({
  name: constructor.name,
  tag,
  elementBytes: constructor.BYTES_PER_ELEMENT,
  prototype: constructor.prototype,
  make: (buffer, byteOffset, length) => new constructor(buffer, byteOffset, length)
})

// Node 22 has no Float16Array, and the library types of ES2023 do not know it.
const Float16Array = (globalThis as { readonly Float16Array?: TypedArrayConstructor }).Float16Array

export const typedArrayKinds: ReadonlyArray<TypedArrayKind> = [
  kind(64, Uint8Array),
  kind(68, Uint8ClampedArray),
  kind(69, Uint16Array),
  kind(70, Uint32Array),
  kind(71, BigUint64Array),
  kind(72, Int8Array),
  kind(77, Int16Array),
  kind(78, Int32Array),
  kind(79, BigInt64Array),
  ...(Float16Array === undefined ? [] : [kind(84, Float16Array)]),
  kind(85, Float32Array),
  kind(86, Float64Array)
]

/** Node's Buffer: a Uint8Array to everyone but `instanceof`, and saved so that it comes back as one. */
export const bufferKind: TypedArrayKind = {
  name: "Buffer",
  tag: -1,
  elementBytes: 1,
  prototype: Buffer.prototype,
  make: (buffer, byteOffset, length) => Buffer.from(buffer, byteOffset, length)
}

export const dataViewKind: TypedArrayKind = {
  name: "DataView",
  tag: -1,
  elementBytes: 1,
  prototype: DataView.prototype,
  make: (buffer, byteOffset, length) => new DataView(buffer, byteOffset, length)
}

const byTag = new Map(typedArrayKinds.map((kind) => [kind.tag, kind]))

export const typedArrayByTag = (tag: number): TypedArrayKind | undefined => byTag.get(tag)

const nameOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get!

/** Whether a value is inside what its prototype says: `Object.create(Float64Array.prototype)` is not. */
export const isViewOfKind = (value: object, kind: TypedArrayKind): value is ArrayBufferView =>
  kind === dataViewKind
    ? types.isDataView(value)
    : Reflect.apply(nameOf, value, []) === (kind === bufferKind ? "Uint8Array" : kind.name)

export const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
