/**
 * Up to 4,096 points of one metric series in binary form, and figures over them.
 *
 * Layout, little-endian: bytes 0-3 the count (uint32); byte 4 the form of the indexes (0: every one stored, 1: first
 * and stride); bytes 5-7 zero; then the indexes (float64 each, or first and stride), the values (float64 each) and
 * the times (float64 each, Unix time in milliseconds). Values keep every bit, NaN and -0 included.
 */
import type { SeriesSummary } from "./RunRecord.ts"

/** Points in a full chunk. */
export const CHUNK_POINTS = 4096

/** Points column by column; all of one length. */
export interface Points {
  readonly indexes: Float64Array
  readonly values: Float64Array
  readonly timesMs: Float64Array
}

const HEADER = 8

const strideOf = (indexes: Float64Array): number | undefined => {
  if (indexes.length < 2) return indexes.length === 1 ? 1 : 0
  const stride = indexes[1]! - indexes[0]!
  for (let i = 2; i < indexes.length; i++) if (indexes[0]! + stride * i !== indexes[i]) return undefined
  return stride
}

/** The chunk's bytes. */
export const encode = (points: Points): Uint8Array => {
  const count = points.values.length
  const stride = strideOf(points.indexes)
  const indexBytes = stride === undefined ? count * 8 : 16
  const bytes = new Uint8Array(HEADER + indexBytes + count * 16)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, count, true)
  view.setUint8(4, stride === undefined ? 0 : 1)
  const put = (offset: number, numbers: Float64Array): void => {
    if (littleEndian) bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), offset)
    else numbers.forEach((n, i) => view.setFloat64(offset + i * 8, n, true))
  }
  if (stride === undefined) put(HEADER, points.indexes)
  else {
    view.setFloat64(HEADER, points.indexes[0] ?? 0, true)
    view.setFloat64(HEADER + 8, stride, true)
  }
  put(HEADER + indexBytes, points.values)
  put(HEADER + indexBytes + count * 8, points.timesMs)
  return bytes
}

/** The chunk's points, or undefined when the bytes are not a chunk. */
export const decode = (bytes: Uint8Array): Points | undefined => {
  if (bytes.length < HEADER) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = view.getUint32(0, true)
  const form = view.getUint8(4)
  const indexBytes = form === 0 ? count * 8 : 16
  if (form > 1 || count > CHUNK_POINTS || bytes.length !== HEADER + indexBytes + count * 16) return undefined
  const get = (offset: number): Float64Array => {
    const at = bytes.byteOffset + offset
    if (littleEndian && at % 8 === 0) return new Float64Array(bytes.buffer, at, count)
    if (littleEndian) return new Float64Array(bytes.slice(offset, offset + count * 8).buffer)
    return Float64Array.from({ length: count }, (_, i) => view.getFloat64(offset + i * 8, true))
  }
  let indexes: Float64Array
  if (form === 0) indexes = get(HEADER)
  else {
    const first = view.getFloat64(HEADER, true)
    const stride = view.getFloat64(HEADER + 8, true)
    indexes = new Float64Array(count)
    for (let i = 0; i < count; i++) indexes[i] = first + stride * i
  }
  return { indexes, values: get(HEADER + indexBytes), timesMs: get(HEADER + indexBytes + count * 8) }
}

/** The first `count` points. */
export const take = (points: Points, count: number): Points => ({
  indexes: points.indexes.slice(0, count),
  values: points.values.slice(0, count),
  timesMs: points.timesMs.slice(0, count)
})

/** Figures over no points at all. */
export const emptySummary: SeriesSummary = {
  count: 0,
  nans: 0,
  last: NaN,
  lastIndex: NaN,
  min: NaN,
  minIndex: NaN,
  max: NaN,
  maxIndex: NaN,
  sum: 0
}

/** Figures after adding points to a series. */
export const summarize = (before: SeriesSummary, { indexes, values }: Points): SeriesSummary => {
  let { count, nans, last, lastIndex, min, minIndex, max, maxIndex, sum } = before
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    last = value
    lastIndex = indexes[i]!
    count++
    if (value !== value) {
      nans++
      continue
    }
    sum += value
    if (!(value >= min)) {
      min = value
      minIndex = lastIndex
    }
    if (!(value <= max)) {
      max = value
      maxIndex = lastIndex
    }
  }
  return { count, nans, last, lastIndex, min, minIndex, max, maxIndex, sum }
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
