/**
 * Lines at the bottom of a terminal that are redrawn in place. What anything else prints meanwhile appears above them.
 *
 * Only lines that changed are written, in one write, between the marks of a synchronized update (DEC mode 2026), so
 * that nothing flickers. The cursor is hidden while the block lives and comes back whatever ends the process.
 */
import process from "node:process"
import { StringDecoder } from "node:string_decoder"
import { stripVTControlCharacters } from "node:util"
import { displayWidth } from "@uniflow/compare"

/** A terminal to draw on. */
export interface Screen {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  /** Columns and rows as they are now, where the terminal can be asked. */
  getWindowSize?(): [columns: number, rows: number]
  write: (text: string) => boolean
}

const hideCursor = "\x1b[?25l"
const showCursor = "\x1b[?25h"
const beginUpdate = "\x1b[?2026h"
const endUpdate = "\x1b[?2026l"

export class LiveBlock {
  private readonly screen: Screen
  private readonly others: ReadonlyArray<Screen>
  private readonly originals = new Map<Screen, Screen["write"]>()
  private readonly restoreCursor: () => void
  private shown: ReadonlyArray<string> = []
  private shownColumns = 0
  /** What was printed above without ending its line yet, by stream. */
  private readonly pending = new Map<Screen, string>()

  /** `others` are streams that share the terminal: what they print appears above the block, too. */
  constructor(screen: Screen, others: ReadonlyArray<Screen> = []) {
    this.screen = screen
    this.others = others.filter((other) => other !== screen && other.isTTY === true)
    const write = screen.write.bind(screen)
    this.originals.set(screen, write)
    this.restoreCursor = () => void write(showCursor)
    process.on("exit", this.restoreCursor)
    write(hideCursor)
    for (const stream of [screen, ...this.others]) this.intercept(stream)
  }

  /** Columns and rows. Asked for anew each time: a terminal is resized before the process hears of it. */
  get size(): readonly [columns: number, rows: number] {
    try {
      const [columns, rows] = this.screen.getWindowSize?.() ?? []
      if (columns !== undefined && rows !== undefined && columns > 0) return [columns, rows]
    } catch {
      // The terminal is gone; whatever is written now nobody sees.
    }
    return [this.screen.columns ?? 80, this.screen.rows ?? 24]
  }

  /** Draws the lines in place of those that stand there. */
  draw(lines: ReadonlyArray<string>): void {
    this.update("", lines)
  }

  /** Prints whole lines above the block. */
  print(text: string): void {
    this.update(text.endsWith("\n") ? text : `${text}\n`, this.shown)
  }

  /** Leaves the block as it is (or as these lines), and gives the terminal back. */
  end(lines: ReadonlyArray<string> = this.shown): void {
    const rest = [...this.pending.values()].map((text) => (text === "" ? "" : `${text}\n`)).join("")
    this.pending.clear()
    this.update(rest, lines)
    for (const [stream, write] of this.originals) stream.write = write
    process.off("exit", this.restoreCursor)
    this.write(showCursor)
    this.shown = []
  }

  private write(text: string): void {
    this.originals.get(this.screen)!(text)
  }

  /** Rows that the block takes now: lines may have been wrapped by a terminal that became narrower. */
  private height(columns: number): number {
    if (columns >= this.shownColumns) return this.shown.length
    return this.shown.reduce((rows, line) => rows + Math.max(1, Math.ceil(displayWidth(stripVTControlCharacters(line)) / columns)), 0)
  }

  private update(above: string, lines: ReadonlyArray<string>): void {
    const [columns] = this.size
    const height = this.height(columns)
    const moved = above !== "" || height !== this.shown.length || columns !== this.shownColumns
    if (!moved && lines.length === this.shown.length && lines.every((line, at) => line === this.shown[at])) return
    let text = height > 0 ? `\x1b[${height}A\r` : "\r"
    if (above !== "") text += above.replace(/\n/g, "\x1b[K\n")
    for (const [at, line] of lines.entries()) text += !moved && line === this.shown[at] ? "\n" : `${line}\x1b[K\n`
    this.write(`${beginUpdate}${text}\x1b[J${endUpdate}`)
    this.shown = lines
    this.shownColumns = columns
  }

  private intercept(stream: Screen): void {
    const original = this.originals.get(stream) ?? stream.write.bind(stream)
    this.originals.set(stream, original)
    const decoder = new StringDecoder("utf8")
    const replacement = (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
      const text = (this.pending.get(stream) ?? "") + (typeof chunk === "string" ? chunk : decoder.write(Buffer.from(chunk)))
      const end = text.lastIndexOf("\n") + 1
      this.pending.set(stream, text.slice(end))
      if (end > 0) this.update(text.slice(0, end), this.shown)
      const callback = typeof encoding === "function" ? encoding : done
      if (typeof callback === "function") queueMicrotask(() => callback())
      return true
    }
    stream.write = replacement
  }
}
