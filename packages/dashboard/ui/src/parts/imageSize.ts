/**
 * How many pixels a picture says it has, read from the first bytes of PNG, JPEG, GIF, WebP and AVIF, before anything decodes it: a few kilobytes may stand for
 * billions of pixels.
 */

export interface ImageSize {
  readonly width: number
  readonly height: number
}

/** A picture with more pixels is not shown. */
const MOST_PIXELS = 50_000_000
const MOST_SIDE = 16_384

const textAt = (bytes: Uint8Array, at: number, length: number): string => String.fromCharCode(...bytes.subarray(at, at + length))

const jpegSize = (view: DataView): ImageSize | undefined => {
  let largest: ImageSize | undefined
  let at = 2
  while (at + 9 < view.byteLength) {
    if (view.getUint8(at) !== 0xff) return largest
    const marker = view.getUint8(at + 1)
    // Fill bytes, and markers that stand alone.
    if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2
      continue
    }
    // The picture itself: nothing behind it is read.
    if (marker === 0xda || marker === 0xd9) return largest
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame) {
      const found = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) }
      if (largest === undefined || found.width * found.height > largest.width * largest.height) largest = found
    }
    at += 2 + view.getUint16(at + 2)
  }
  return largest
}

const webpSize = (bytes: Uint8Array, view: DataView): ImageSize | undefined => {
  const kind = textAt(bytes, 12, 4)
  const three = (at: number): number => view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
  if (kind === "VP8X") return { width: three(24) + 1, height: three(27) + 1 }
  if (kind === "VP8 ") return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff }
  if (kind !== "VP8L") return undefined
  const bits = view.getUint32(21, true)
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
}

/** Every picture in an AVIF file tells its size in an `ispe` box; the largest counts. */
const avifSize = (bytes: Uint8Array, view: DataView): ImageSize | undefined => {
  let largest: ImageSize | undefined
  const end = Math.min(bytes.length - 16, 64 * 1024)
  for (let at = 4; at <= end; at++) {
    if (view.getUint32(at) !== 0x69737065) continue
    const found = { width: view.getUint32(at + 8), height: view.getUint32(at + 12) }
    if (largest === undefined || found.width * found.height > largest.width * largest.height) largest = found
  }
  return largest
}

/** The size; undefined where the bytes are none of these formats, or end too early. */
export const imageSize = (bytes: Uint8Array): ImageSize | undefined => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    if (view.getUint32(0) === 0x89504e47) return textAt(bytes, 12, 4) === "IHDR" ? { width: view.getUint32(16), height: view.getUint32(20) } : undefined
    if (view.getUint16(0) === 0xffd8) return jpegSize(view)
    if (textAt(bytes, 0, 4) === "GIF8") return { width: view.getUint16(6, true), height: view.getUint16(8, true) }
    if (textAt(bytes, 0, 4) === "RIFF" && textAt(bytes, 8, 4) === "WEBP") return webpSize(bytes, view)
    if (textAt(bytes, 4, 4) === "ftyp") return avifSize(bytes, view)
    return undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** Whether a browser may decode it. */
export const isSmallEnough = ({ height, width }: ImageSize): boolean => width > 0 && height > 0 && width <= MOST_SIDE && height <= MOST_SIDE && width * height <= MOST_PIXELS
