/**
 * Metric points that wait go to a temporary file, so that memory stays bounded however fast they are logged.
 *
 * The file has no name once it is open (where the system permits that), so nothing is left behind even when the process
 * is killed. What is spilled is not durable and need not be. Byte strings stand in it one after the other, each behind its
 * length. What is being drained has a file of its own: appending goes on meanwhile.
 */
import { closeSync, existsSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { ProcessIdentity, type ProcessIdentityService, Spill, type SpillBuffer } from "@uniflow/core"
import { Effect, Layer } from "effect"
import { asFileError, storeErrorOf } from "./internal/fileErrors.ts"
import { sweepTemporaryFiles, temporaryName } from "./internal/temporaryFiles.ts"
import { UniflowDirectory } from "./UniflowDirectory.ts"

/** So much is gathered before it is written, and read at a time. */
const blockBytes = 256 * 1024

const headBytes = 4

/** A file that is written to its end, and then read from its beginning. */
interface SpillFile {
  readonly handle: number
  sizeBytes: number
}

/** Opens a file without a name; undefined where it keeps one until it is closed. */
const openFile = (folder: string, self: ProcessIdentityService["self"]): { readonly file: SpillFile; readonly path: string | undefined } => {
  const path = join(folder, temporaryName(self))
  const handle = openSync(path, "wx+", 0o600)
  try {
    unlinkSync(path)
    return { file: { handle, sizeBytes: 0 }, path: undefined }
  } catch {
    return { file: { handle, sizeBytes: 0 }, path }
  }
}

const writeAll = (file: SpillFile, bytes: Uint8Array): void => {
  let written = 0
  while (written < bytes.length) {
    written += writeSync(file.handle, bytes, written, bytes.length - written, file.sizeBytes + written)
  }
  // What a failed write left there is written over by the next one.
  file.sizeBytes += bytes.length
}

function* readAll(file: SpillFile): Generator<Uint8Array> {
  let block = new Uint8Array(blockBytes)
  let from = 0
  let until = 0
  let position = 0
  /** Makes so many bytes stand in the block from `from` on. */
  const have = (count: number): void => {
    if (until - from >= count) return
    const rest = block.subarray(from, until)
    const target = count > block.length ? new Uint8Array(count) : block
    target.set(rest)
    block = target
    from = 0
    until = rest.length
    while (until < count) {
      const read = readSync(file.handle, block, until, block.length - until, position)
      if (read === 0) throw new Error("the temporary file is shorter than what was written to it")
      position += read
      until += read
    }
  }
  while (position < file.sizeBytes || from < until) {
    have(headBytes)
    const length = new DataView(block.buffer, from, headBytes).getUint32(0)
    have(headBytes + length)
    yield block.slice(from + headBytes, from + headBytes + length)
    from += headBytes + length
  }
}

/** The byte strings in bytes that hold nothing but whole ones. */
function* partsOf(bytes: Uint8Array): Generator<Uint8Array> {
  let at = 0
  while (at < bytes.length) {
    const end = at + headBytes + new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
    yield bytes.slice(at + headBytes, end)
    at = end
  }
}

/** A spill into a folder; one that is not there is made where the folder above it is, else the system's is used. */
export const make = (folder: string, self: ProcessIdentityService["self"]): { readonly open: () => SpillBuffer } => {
  const place = (): string => {
    if (!existsSync(join(folder, ".."))) return tmpdir()
    mkdirSync(folder, { recursive: true })
    return folder
  }

  const open = (): SpillBuffer => {
    let opened: ReturnType<typeof openFile> | undefined
    let gathered: Uint8Array | undefined
    let gatheredBytes = 0
    let sizeBytes = 0

    const flush = (): void => {
      if (gathered === undefined || gatheredBytes === 0) return
      opened ??= openFile(place(), self)
      writeAll(opened.file, gathered.subarray(0, gatheredBytes))
      gatheredBytes = 0
    }

    const discard = ({ file, path }: NonNullable<typeof opened>): void => {
      closeSync(file.handle)
      if (path !== undefined) unlinkSync(path)
    }

    return {
      append(bytes) {
        try {
          gathered ??= new Uint8Array(blockBytes)
          if (headBytes + bytes.length > gathered.length - gatheredBytes) flush()
          if (headBytes + bytes.length > gathered.length) {
            opened ??= openFile(place(), self)
            const whole = new Uint8Array(headBytes + bytes.length)
            new DataView(whole.buffer).setUint32(0, bytes.length)
            whole.set(bytes, headBytes)
            writeAll(opened.file, whole)
          } else {
            new DataView(gathered.buffer).setUint32(gatheredBytes, bytes.length)
            gathered.set(bytes, gatheredBytes + headBytes)
            gatheredBytes += headBytes + bytes.length
          }
          sizeBytes += bytes.length
        } catch (error) {
          throw storeErrorOf(`What was logged cannot be put into a temporary file in ${folder}`)(asFileError(error))
        }
      },
      get sizeBytes() {
        return sizeBytes
      },
      *drain() {
        const [taken, last] = [opened, gathered?.slice(0, gatheredBytes) ?? new Uint8Array(0)]
        opened = undefined
        gatheredBytes = 0
        sizeBytes = 0
        try {
          if (taken !== undefined) yield* readAll(taken.file)
          yield* partsOf(last)
        } finally {
          if (taken !== undefined) discard(taken)
        }
      },
      close() {
        if (opened !== undefined) discard(opened)
        opened = undefined
        gathered = undefined
        gatheredBytes = 0
        sizeBytes = 0
      }
    }
  }

  return { open }
}

/** Replaces core's spill by one into `tmp` of the folder in use. */
export const layer: Layer.Layer<never, never, UniflowDirectory> = Layer.effect(
  Spill,
  Effect.gen(function*() {
    const folder = join((yield* UniflowDirectory).path, "tmp")
    const identity = yield* ProcessIdentity
    // Elsewhere a spilled file has no name, and goes with its process.
    if (process.platform === "win32") yield* sweepTemporaryFiles(folder, identity)
    return make(folder, identity.self)
  })
)
