/**
 * The tags of the format, and the names that stand first in tag 27. docs/format/codec.md says what each holds.
 */

export const TAG = {
  /** RFC 8949, section 3.4.2. */
  epoch: 1,
  /** RFC 8949, section 3.4.3. */
  bigint: 2,
  negativeBigint: 3,
  /** A value of a named type, as an array of its name and what makes it: cbor.schmorp.de/generic-object. */
  object: 27,
  /** cbor.schmorp.de/value-sharing. */
  shareable: 28,
  sharedRef: 29,
  /** RFC 8949, section 3.4.5.3. */
  uri: 32,
  set: 258,
  map: 259,
  /** WTF-8, for text with lone surrogates. */
  wtf8: 273,
  regexp: 21066,
  /** RFC 8949, section 3.4.6: no meaning of its own, here padding. */
  selfDescribed: 55799
} as const

/** How deep objects may stand inside objects. */
export const MAX_DEPTH = 1000

/**
 * How the heads before a large typed array are widened so that its first byte stands at a multiple of eight: whether
 * tag 55799 precedes, and the bytes of the tag's and the length's heads; by the position modulo eight.
 */
export const PADDING: ReadonlyArray<readonly [selfDescribed: boolean, tagBytes: 2 | 3 | 5 | 9, lengthBytes: 5 | 9]> = [
  [false, 3, 5],
  [false, 2, 5],
  [false, 5, 9],
  [true, 5, 5],
  [false, 3, 9],
  [false, 2, 9],
  [false, 5, 5],
  [true, 9, 5]
]
