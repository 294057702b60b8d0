/**
 * Large values to and from files in pieces, hashed while the system reads or writes: the bytes of one piece are hashed
 * on this thread while the next is on its way. Between two pieces the event loop runs.
 */
import type { FileHandle } from "node:fs/promises"
import type { IncrementalHash } from "@uniflow/core"

/** Small enough to hash in about a millisecond, large enough that calls cost nothing beside it. */
export const pieceBytes = 1024 * 1024

/** Anything shorter waits for more before it is written. */
const gatherBelowBytes = 256 * 1024

/** Cuts bytes into pieces without copying. */
function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) yield bytes.subarray(offset, offset + pieceBytes)
}

/** Writes all of one piece behind what was written before, and hashes it meanwhile. */
export const writePiece = async (file: FileHandle, piece: Uint8Array, hash: IncrementalHash | undefined): Promise<void> => {
  let writing = file.write(piece, 0, piece.length)
  hash?.update(piece)
  let written = (await writing).bytesWritten
  while (written < piece.length) {
    writing = file.write(piece, written, piece.length - written)
    written += (await writing).bytesWritten
  }
}

/**
 * Fills a buffer from a file, hashing what has come while the next piece is read. Tells how many bytes there were: fewer
 * than asked for where the file is shorter.
 */
export const readInto = async (file: FileHandle, into: Uint8Array, hash: IncrementalHash, signal: AbortSignal): Promise<number> => {
  const next = (offset: number) => file.read(into, offset, Math.min(pieceBytes, into.length - offset), offset)
  let filled = 0
  let reading = into.length === 0 ? undefined : next(0)
  while (reading !== undefined) {
    const { bytesRead } = await reading
    if (bytesRead === 0 || signal.aborted) break
    const begin = filled
    filled += bytesRead
    reading = filled < into.length ? next(filled) : undefined
    hash.update(into.subarray(begin, filled))
  }
  return filled
}

/** Goes through a file in pieces, each valid until its promise settles: one is dealt with while the next is read. */
export const eachPiece = async (
  file: FileHandle,
  deal: (piece: Uint8Array) => Promise<void> | void,
  signal: AbortSignal
): Promise<void> => {
  const buffers = [new Uint8Array(pieceBytes), new Uint8Array(pieceBytes)] as const
  let turn: 0 | 1 = 0
  let offset = 0
  let reading = file.read(buffers[turn], 0, pieceBytes, offset)
  for (;;) {
    const { bytesRead } = await reading
    if (bytesRead === 0 || signal.aborted) return
    const piece = buffers[turn].subarray(0, bytesRead)
    offset += bytesRead
    turn = turn === 0 ? 1 : 0
    reading = file.read(buffers[turn], 0, pieceBytes, offset)
    // When dealing with the piece fails, nobody waits for this read.
    reading.catch(() => {})
    await deal(piece)
  }
}

/** Takes bytes in any sizes and hands on pieces worth a call: small ones are gathered, large ones cut without a copy. */
export const gather = (write: (piece: Uint8Array) => Promise<void>) => {
  let waiting: Uint8Array | undefined
  let filled = 0
  const flush = async (): Promise<void> => {
    if (waiting === undefined || filled === 0) return
    const piece = waiting.subarray(0, filled)
    filled = 0
    await write(piece)
  }
  const add = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.length >= gatherBelowBytes) {
      await flush()
      for (const piece of piecesOf(bytes)) await write(piece)
      return
    }
    waiting ??= new Uint8Array(gatherBelowBytes)
    if (filled + bytes.length > waiting.length) await flush()
    waiting.set(bytes, filled)
    filled += bytes.length
  }
  return { add, flush }
}
