/**
 * The text of WTF-8 bytes (simonsapin.github.io/wtf-8), which are UTF-8 that may hold lone surrogates.
 */

/** The text, or undefined when the bytes are not WTF-8, or are plain UTF-8, which has a form of its own. */
export const decodeWtf8 = (bytes: Uint8Array): string | undefined => {
  const units: Array<number> = []
  for (let i = 0; i < bytes.length;) {
    const first = bytes[i]!
    const extra = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : -1
    if (extra < 0 || i + extra >= bytes.length) return undefined
    let point = extra === 0 ? first : first & (0x3f >> extra)
    for (let j = 1; j <= extra; j++) {
      const next = bytes[i + j]!
      if ((next & 0xc0) !== 0x80) return undefined
      point = (point << 6) | (next & 0x3f)
    }
    if (point < [0, 0x80, 0x800, 0x10000][extra]! || point > 0x10ffff) return undefined
    // A pair written as two halves is UTF-8's to write as one.
    const low = point >= 0xdc00 && point < 0xe000
    if (low && units.length > 0 && (units.at(-1)! & 0xfc00) === 0xd800) return undefined
    if (point < 0x10000) units.push(point)
    else units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff))
    i += extra + 1
  }
  let text = ""
  for (let i = 0; i < units.length; i += 4096) text += String.fromCharCode(...units.slice(i, i + 4096))
  return text.isWellFormed() ? undefined : text
}
