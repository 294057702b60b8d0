/**
 * Writes an archive of runs into an open file, entry by entry: what is large passes through in pieces.
 *
 * docs/format/archive.md describes the file. It is complete only after `end`.
 */
import type { FileHandle } from "node:fs/promises"
import type { RunBundle } from "@uniflow/core"
import { hasher } from "../NodeHasher.ts"
import { linesOf } from "./bundleLines.ts"
import { gather } from "./filePieces.ts"
import { BLOCK, headerOf, paddingOf } from "./tarEntry.ts"

/** Version of the layout. */
export const ARCHIVE_VERSION = 1

/** Names of an archive's own entries. */
export const MANIFEST = "uniflow.json"
export const MISSING = "MISSING"
export const SUMS = "SHA256SUMS"

/** The longest entry of a run, in bytes: whoever reads it has all of it in memory. */
export const LARGEST_RUN = 1024 ** 3

/** The bytes that came are not those that were announced. */
export class NotThoseBytes extends Error {
  readonly _tag = "NotThoseBytes"
}

export class ArchiveWriter {
  private readonly file: FileHandle
  private position = 0
  private readonly sums = new Map<string, string>()
  private readonly missing = new Set<string>()
  private runs = 0

  constructor(file: FileHandle) {
    this.file = file
  }

  /** Writes an entry whose size is known when its content is; takes it back when that fails. */
  private async entry(name: string, fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>): Promise<string> {
    const start = this.position
    const hash = hasher.make()
    let at = start + BLOCK
    const { add, flush } = gather(async (piece) => {
      for (let written = 0; written < piece.length;) written += (await this.file.write(piece, written, piece.length - written, at + written)).bytesWritten
      hash.update(piece)
      at += piece.length
    })
    try {
      await fill(add)
      await flush()
      const sizeBytes = at - start - BLOCK
      const padding = new Uint8Array(paddingOf(sizeBytes))
      await this.file.write(headerOf({ name, sizeBytes }), 0, BLOCK, start)
      if (padding.length > 0) await this.file.write(padding, 0, padding.length, at)
      this.position = at + padding.length
    } catch (error) {
      await this.file.truncate(start)
      throw error
    }
    const digest = hash.digest()
    this.sums.set(name, digest)
    return digest
  }

  private text(name: string, text: string): Promise<string> {
    return this.entry(name, (write) => write(Buffer.from(text)))
  }

  /** The first entry. */
  async begin(createdAtMs: number): Promise<void> {
    await this.text(MANIFEST, `${JSON.stringify({ kind: "uniflow-archive", version: ARCHIVE_VERSION, createdAtMs })}\n`)
  }

  /** Whether an object's bytes are in the archive. */
  has(digest: string): boolean {
    return this.sums.has(`objects/${digest}`)
  }

  /** Bytes under their digest; nothing stays of them when they turn out to be others. */
  async object(digest: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const name = `objects/${digest}`
    if (this.sums.has(name)) return
    const start = this.position
    const found = await this.entry(name, async (write) => {
      for await (const piece of pieces) await write(piece)
    })
    if (found === digest) return
    this.sums.delete(name)
    this.position = start
    await this.file.truncate(start)
    throw new NotThoseBytes(`the bytes do not hash to ${digest}`)
  }

  /** Bytes that a run refers to, and that are nowhere to be had. */
  lack(digest: string): void {
    this.missing.add(digest)
  }

  /** A run, after what it refers to. Gives the digest of its lines. */
  async run(bundle: RunBundle): Promise<string> {
    const name = `runs/${String(++this.runs).padStart(8, "0")}.jsonl`
    let sizeBytes = 0
    return this.entry(name, async (write) => {
      for (const line of linesOf(bundle)) {
        const bytes = Buffer.from(line)
        sizeBytes += bytes.length
        if (sizeBytes > LARGEST_RUN) throw new RangeError(`run "${bundle.run.id}" has more points and records than an entry of an archive may hold (1 GiB). Copy it to a folder`)
        await write(bytes)
      }
    })
  }

  /** The last entries, and the end. */
  async end(): Promise<void> {
    if (this.missing.size > 0) await this.text(MISSING, [...this.missing].sort().map((digest) => `${digest}\n`).join(""))
    await this.entry(SUMS, async (write) => {
      for (const [name, digest] of this.sums) await write(Buffer.from(`${digest}  ${name}\n`))
    })
    await this.file.write(new Uint8Array(2 * BLOCK), 0, 2 * BLOCK, this.position)
    await this.file.sync()
  }
}
