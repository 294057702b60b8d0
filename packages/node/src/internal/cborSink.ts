/**
 * Where CBOR bytes are put: memory in pieces that are never moved, with large byte strings standing between them as
 * they are. It is a `Writer` of cbor2, so that cbor2's functions write every head, number and tag into it; what it
 * adds is text without an intermediate copy, and pieces instead of one array.
 */
import { Buffer } from "node:buffer"
import { writeInt } from "cbor2/encoder"
import { Writer } from "cbor2/writer"
import type { Encoded } from "@uniflow/core"

/** Byte strings of this size and above become pieces of their own when written, and views on the input when read. */
export const LARGE_BYTES = 1024 * 1024

/** Major types of RFC 8949, section 3.1. */
export const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const

const SMALLEST_PIECE = 16 * 1024

interface Piece {
  readonly bytes: Uint8Array
  readonly buffer: Buffer
  readonly view: DataView
}

const makePiece = (sizeBytes: number): Piece => {
  const bytes = new Uint8Array(sizeBytes)
  return {
    bytes,
    buffer: Buffer.from(bytes.buffer, 0, sizeBytes),
    view: new DataView(bytes.buffer)
  }
}

export class CborSink extends Writer {
  private readonly done: Array<Uint8Array> = []
  private doneBytes = 0
  private bytes: Uint8Array
  private buffer: Buffer
  private view: DataView
  private begin = 0
  private at = 0

  constructor() {
    super({ chunkSize: 8 })
    const piece = makePiece(SMALLEST_PIECE)
    this.bytes = piece.bytes
    this.buffer = piece.buffer
    this.view = piece.view
  }

  /** Bytes written so far. */
  override get length(): number {
    return this.doneBytes + this.at - this.begin
  }

  override read(): Uint8Array {
    const bytes = new Uint8Array(this.length)
    let offset = 0
    for (const segment of [...this.done, this.bytes.subarray(this.begin, this.at)]) {
      bytes.set(segment, offset)
      offset += segment.length
    }
    return bytes
  }

  /** Forgets everything that was written. */
  override clear(): void {
    this.done.length = 0
    this.doneBytes = 0
    this.begin = 0
    this.at = 0
  }

  override write(bytes: Uint8Array): void {
    if (bytes.length >= LARGE_BYTES) {
      this.close()
      this.done.push(bytes)
      this.doneBytes += bytes.length
      return
    }
    this.room(bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  override writeUint8(value: number): void {
    this.room(1)
    this.bytes[this.at++] = value
  }

  override writeUint16(value: number, littleEndian = false): void {
    this.room(2)
    this.view.setUint16(this.at, value, littleEndian)
    this.at += 2
  }

  override writeUint32(value: number, littleEndian = false): void {
    this.room(4)
    this.view.setUint32(this.at, value, littleEndian)
    this.at += 4
  }

  override writeBigUint64(value: bigint, littleEndian = false): void {
    this.room(8)
    this.view.setBigUint64(this.at, value, littleEndian)
    this.at += 8
  }

  override writeFloat32(value: number, littleEndian = false): void {
    this.room(4)
    this.view.setFloat32(this.at, value, littleEndian)
    this.at += 4
  }

  override writeFloat64(value: number, littleEndian = false): void {
    this.room(8)
    this.view.setFloat64(this.at, value, littleEndian)
    this.at += 8
  }

  /** Writes a few bytes that were encoded before; a loop is faster than `set` for these. */
  writeFew(bytes: Uint8Array): void {
    const count = bytes.length
    this.room(count)
    const target = this.bytes
    let at = this.at
    for (let i = 0; i < count; i++) target[at++] = bytes[i]!
    this.at = at
  }

  /** Writes a text string whose UTF-16 is well formed. */
  writeText(text: string): void {
    const count = text.length
    if (count < 24) {
      this.room(count + 1)
      const target = this.bytes
      const head = this.at
      let at = head + 1
      let i = 0
      for (; i < count; i++) {
        const unit = text.charCodeAt(i)
        if (unit > 127) break
        target[at++] = unit
      }
      if (i === count) {
        writeInt(count, this, MAJOR.text)
        this.at = at
        return
      }
    }
    const sizeBytes = Buffer.byteLength(text)
    writeInt(sizeBytes, this, MAJOR.text)
    this.room(sizeBytes)
    this.at += this.buffer.write(text, this.at, sizeBytes, sizeBytes === count ? "latin1" : "utf8")
  }

  /** Everything written, in pieces, which may be the sink's own memory. */
  take(): Encoded {
    const sizeBytes = this.length
    if (this.done.length === 0 && this.bytes.length === SMALLEST_PIECE) {
      const bytes = this.bytes.slice(0, this.at)
      this.clear()
      return { segments: [bytes], sizeBytes }
    }
    this.close()
    return { segments: this.done, sizeBytes }
  }

  private room(sizeBytes: number): void {
    if (this.at + sizeBytes > this.bytes.length) this.next(sizeBytes)
  }

  private next(sizeBytes: number): void {
    const wanted = Math.max(sizeBytes, Math.min(this.bytes.length * 4, LARGE_BYTES))
    this.close()
    const piece = makePiece(wanted)
    this.bytes = piece.bytes
    this.buffer = piece.buffer
    this.view = piece.view
    this.begin = 0
    this.at = 0
  }

  private close(): void {
    if (this.at === this.begin) return
    this.done.push(this.bytes.subarray(this.begin, this.at))
    this.doneBytes += this.at - this.begin
    this.begin = this.at
  }
}

// Most values are small: the sink they are written in is kept, and their bytes are copied out of it.
let spare: CborSink | undefined

/** Keeps a sink for the next value, if what was taken from it is a copy. */
export const keepSink = (sink: CborSink): void => {
  if (sink.length === 0) spare = sink
}

/** An empty sink. */
export const takeSink = (): CborSink => {
  const sink = spare ?? new CborSink()
  spare = undefined
  return sink
}
