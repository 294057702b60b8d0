/**
 * Entries of the one kind of tar that archives of runs are: plain files with short names, no links, no folders, no
 * extensions. What is anything else is refused, not skipped.
 *
 * Source: POSIX.1-1988 (ustar); sizes from 8 GiB on in base 256, as GNU tar and others write them.
 */

/** Everything in a tar begins at a multiple of this, in bytes. */
export const BLOCK = 512

/** An entry: what stands under this name is that long. */
export interface TarEntry {
  readonly name: string
  readonly sizeBytes: number
}

const encoder = new TextEncoder()

/** Bytes from the end of an entry to the next one. */
export const paddingOf = (sizeBytes: number): number => (BLOCK - sizeBytes % BLOCK) % BLOCK

const OCTAL_LIMIT = 8 ** 11

const checksumOf = (header: Uint8Array): number => header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0)

/** The header of an entry. Its time is 0, so that equal contents make equal archives. */
export const headerOf = ({ name, sizeBytes }: TarEntry): Uint8Array => {
  const header = new Uint8Array(BLOCK)
  const put = (text: string, at: number): void => header.set(encoder.encode(text), at)
  put(name, 0)
  put("0000644\0", 100)
  put("0000000\0", 108)
  put("0000000\0", 116)
  if (sizeBytes < OCTAL_LIMIT) put(`${sizeBytes.toString(8).padStart(11, "0")}\0`, 124)
  else {
    header[124] = 0x80
    new DataView(header.buffer).setBigUint64(128, BigInt(sizeBytes))
  }
  put("00000000000\0", 136)
  put("0", 156)
  put("ustar\0", 257)
  put("00", 263)
  put(`${checksumOf(header).toString(8).padStart(6, "0")}\0 `, 148)
  return header
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

const sizeOf = (header: Uint8Array): number | undefined => {
  if (header[124] === 0x80) {
    const size = new DataView(header.buffer, header.byteOffset).getBigUint64(128)
    return isZero(header.subarray(125, 128)) && size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : undefined
  }
  const [, digits] = /^([0-7]{11})[\0 ]$/.exec(ascii(header.subarray(124, 136))) ?? []
  return digits === undefined ? undefined : parseInt(digits, 8)
}

/** Reads a header: an entry, the end of the archive, or what is wrong with it. */
export const readHeader = (header: Uint8Array): TarEntry | "end" | { readonly wrong: string } => {
  if (isZero(header)) return "end"
  const [, checksum] = /^([0-7]{6})\0 $/.exec(ascii(header.subarray(148, 156))) ?? []
  if (ascii(header.subarray(257, 265)) !== "ustar\x0000") return { wrong: "it is no tar file of the kind that UniFlow writes" }
  if (checksum === undefined || parseInt(checksum, 8) !== checksumOf(header)) return { wrong: "the checksum of an entry's header is wrong" }
  if (header[156] !== 0x30) return { wrong: "it holds an entry that is no plain file (a link, a folder or an extension)" }
  if (!isZero(header.subarray(157, 257)) || !isZero(header.subarray(345))) return { wrong: "an entry has a link's target, or a long name" }
  const sizeBytes = sizeOf(header)
  if (sizeBytes === undefined) return { wrong: "the size of an entry is no number" }
  const [, name] = /^([\x21-\x7e]{1,100})\0*$/.exec(ascii(header.subarray(0, 100))) ?? []
  return name === undefined ? { wrong: "the name of an entry holds what names do not hold" } : { name, sizeBytes }
}
