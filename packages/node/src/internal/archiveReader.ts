/**
 * Reads an archive of runs, and trusts nothing of it: all of the file is gone through and checked before a byte of it is
 * used. Nothing is unpacked and no name in it becomes a path; memory and time are bounded by the size of the file.
 */
import type { FileHandle } from "node:fs/promises"
import { describe, type RunBundle } from "@uniflow/core"
import { hasher } from "../NodeHasher.ts"
import { ARCHIVE_VERSION, LARGEST_RUN, MANIFEST, MISSING, SUMS } from "./archiveWriter.ts"
import { BundleReader, LONGEST_LINE, objectsOf } from "./bundleLines.ts"
import { pieceBytes } from "./filePieces.ts"
import { BLOCK, paddingOf, readHeader, type TarEntry } from "./tarEntry.ts"

/** What is wrong with an archive, as the end of a sentence. */
export class Refused extends Error {
  readonly _tag = "Refused"
}

/** Entries that one archive may have: more would be a trap for memory. */
const MOST_ENTRIES = 2 ** 21

/** The longest of the archive's own entries: a line for each entry. */
const LONGEST_TEXT = MOST_ENTRIES * 160

const LONGEST_MANIFEST = 64 * 1024

/** Where an entry's content stands. */
interface Extent {
  readonly offset: number
  readonly sizeBytes: number
}

/** A run in an archive. */
export interface ArchivedRun extends Extent {
  readonly digest: string
  /** Without points and log lines. */
  readonly light: Pick<RunBundle, "run" | "attempts"> & { readonly series: RunBundle["series"]; readonly steps: ReadonlyArray<RunBundle["steps"][number]> }
}

export interface ArchiveIndex {
  readonly runs: ReadonlyMap<string, ArchivedRun>
  readonly objects: ReadonlyMap<string, Extent>
}

/** Pieces of a part of a file. A file that was cut off meanwhile is refused. */
export async function* piecesAt(file: FileHandle, { offset, sizeBytes }: Extent): AsyncGenerator<Uint8Array> {
  for (let read = 0; read < sizeBytes;) {
    const buffer = new Uint8Array(Math.min(pieceBytes, sizeBytes - read))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset + read)
    if (bytesRead === 0) throw new Refused("it ends too early")
    read += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

const contentOf = async (file: FileHandle, extent: Extent, most: number): Promise<Buffer> => {
  if (extent.sizeBytes > most) throw new Refused("one of its entries is too long")
  const pieces: Array<Uint8Array> = []
  for await (const piece of piecesAt(file, extent)) pieces.push(piece)
  return Buffer.concat(pieces)
}

const decodeText = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new Refused("it holds text that is not UTF-8")
  }
}

/** Lines of an entry, each up to `LONGEST_LINE` bytes; the last one has to end, too. */
async function* linesAt(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let parts: Array<Uint8Array> = []
  let length = 0
  for await (const piece of pieces) {
    let begin = 0
    for (let end = piece.indexOf(0x0a); end >= 0; end = piece.indexOf(0x0a, begin)) {
      parts.push(piece.subarray(begin, end))
      yield decodeText(parts.length === 1 ? parts[0]! : Buffer.concat(parts))
      parts = []
      length = 0
      begin = end + 1
    }
    const rest = piece.subarray(begin)
    if (rest.length === 0) continue
    length += rest.length
    if (length > LONGEST_LINE) throw new Refused("it holds a line that is too long")
    parts.push(rest)
  }
  if (length > 0) throw new Refused("its last line does not end")
}

const digestAt = async (file: FileHandle, extent: Extent): Promise<string> => {
  const hash = hasher.make()
  for await (const piece of piecesAt(file, extent)) hash.update(piece)
  return hash.digest()
}

/** Reads a run; `whole` keeps its points and log lines. */
export const runAt = async (file: FileHandle, extent: Extent, whole: boolean): Promise<{ readonly bundle: RunBundle; readonly digest: string }> => {
  if (extent.sizeBytes > LARGEST_RUN) throw new Refused("a run in it is too large")
  const hash = hasher.make()
  const hashed = async function*(): AsyncGenerator<Uint8Array> {
    for await (const piece of piecesAt(file, extent)) {
      hash.update(piece)
      yield piece
    }
  }
  const reader = new BundleReader(whole)
  try {
    for await (const line of linesAt(hashed())) reader.line(line)
    return { bundle: reader.end(), digest: hash.digest() }
  } catch (error) {
    if (error instanceof Refused) throw error
    throw new Refused(`a run in it cannot be read: ${describe(error).replace(/\s+/g, " ").slice(0, 300)}`)
  }
}

const digestPattern = /^[0-9a-f]{64}$/
const objectName = /^objects\/([0-9a-f]{64})$/
const runName = /^runs\/\d{8}\.jsonl$/

const checkManifest = (text: string): void => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Refused(`its ${MANIFEST} is no JSON`)
  }
  const { kind, version } = (typeof value === "object" && value !== null ? value : {}) as { readonly kind?: unknown; readonly version?: unknown }
  if (kind !== "uniflow-archive" || typeof version !== "number") throw new Refused("it is no archive of runs")
  if (version !== ARCHIVE_VERSION) throw new Refused(`it has version ${version} of the format, and this release knows version ${ARCHIVE_VERSION}`)
}

const runIdPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/

/** Goes through all of an archive: tells what is where, or throws `Refused`. */
export const indexOf = async (file: FileHandle, fileBytes: number): Promise<ArchiveIndex> => {
  const runs = new Map<string, ArchivedRun>()
  const objects = new Map<string, Extent>()
  const sums = new Map<string, string>()
  const missing = new Set<string>()
  const needed = new Map<string, number>()
  let position = 0
  let last: string | undefined

  /** Checks one entry and gives its digest. */
  const look = async ({ name, sizeBytes }: TarEntry): Promise<string> => {
    const extent = { offset: position + BLOCK, sizeBytes }
    if (sums.size === 0 && name !== MANIFEST) throw new Refused("it is no archive of runs")
    if (last === SUMS) throw new Refused(`something stands behind its ${SUMS}`)
    if (sums.has(name) || sums.size >= MOST_ENTRIES) throw new Refused(sums.has(name) ? "an entry is there twice" : "it has too many entries")
    const object = objectName.exec(name)?.[1]
    if (object !== undefined) {
      const digest = await digestAt(file, extent)
      if (digest !== object) throw new Refused(`the bytes of object ${object} are not those of its name`)
      objects.set(object, extent)
      return digest
    }
    if (runName.test(name)) {
      const { bundle, digest } = await runAt(file, extent, false)
      const { attempts, run, series, steps } = bundle
      if (!runIdPattern.test(run.id)) throw new Refused("the id of a run in it is none")
      if (runs.has(run.id)) throw new Refused(`run "${run.id}" is in it twice`)
      for (const [needs, size] of objectsOf(bundle)) needed.set(needs, size)
      const light = { run, attempts, series, steps: steps.map((step) => ({ ...step, components: null, reasons: [] })) }
      runs.set(run.id, { ...extent, digest, light })
      return digest
    }
    if (name !== MANIFEST && name !== MISSING && name !== SUMS) throw new Refused("it holds an entry that does not belong there")
    const bytes = await contentOf(file, extent, name === MANIFEST ? LONGEST_MANIFEST : LONGEST_TEXT)
    const lines = decodeText(bytes).split("\n")
    if (name === MANIFEST) checkManifest(lines.join("\n"))
    else if (lines.pop() !== "") throw new Refused(`its ${name} is cut off`)
    if (name === MISSING) {
      for (const digest of lines) {
        if (!digestPattern.test(digest)) throw new Refused(`its ${MISSING} holds something else than digests`)
        missing.add(digest)
      }
    }
    if (name === SUMS) {
      const wrong = lines.length !== sums.size || new Set(lines).size !== lines.length
        || lines.some((line) => sums.get(line.slice(66)) !== line.slice(0, 64) || line.slice(64, 66) !== "  ")
      if (wrong) throw new Refused(`its entries are not those that its ${SUMS} tells of`)
    }
    return hasher.bytes(bytes)
  }

  const header = new Uint8Array(BLOCK)
  while (true) {
    if (position + BLOCK > fileBytes) throw new Refused("it ends too early")
    if ((await file.read(header, 0, BLOCK, position)).bytesRead < BLOCK) throw new Refused("it ends too early")
    const entry = readHeader(header)
    if (entry === "end") break
    if ("wrong" in entry) throw new Refused(entry.wrong)
    const next = position + BLOCK + entry.sizeBytes + paddingOf(entry.sizeBytes)
    if (!(next <= fileBytes)) throw new Refused("it ends too early")
    sums.set(entry.name, await look(entry))
    const padding = await contentOf(file, { offset: next - paddingOf(entry.sizeBytes), sizeBytes: paddingOf(entry.sizeBytes) }, BLOCK)
    if (padding.some((byte) => byte !== 0)) throw new Refused("something stands between its entries")
    last = entry.name
    position = next
  }
  if (last !== SUMS) throw new Refused(`it has no ${SUMS} at its end`)
  const rest = await contentOf(file, { offset: position, sizeBytes: fileBytes - position }, 64 * 1024)
  if (rest.length < 2 * BLOCK || rest.some((byte) => byte !== 0)) throw new Refused("it does not end as it should")
  for (const [digest, sizeBytes] of needed) {
    const object = objects.get(digest)
    if (object === undefined ? !missing.has(digest) : object.sizeBytes !== sizeBytes) {
      throw new Refused(object === undefined ? `object ${digest} is missing` : `object ${digest} is not as long as a run says`)
    }
  }
  return { runs, objects }
}
