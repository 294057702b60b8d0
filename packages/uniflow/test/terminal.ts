/** As much of a terminal as the live block uses: lines, the cursor, erasing. */
export class Terminal {
  readonly isTTY = true
  columns: number
  rows: number
  readonly lines: Array<string> = [""]
  cursorVisible = true
  writes = 0
  private row = 0
  private column = 0

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  readonly write = (text: string): boolean => {
    this.writes++
    // oxlint-disable-next-line no-control-regex
    for (const part of text.match(/\x1b\[[?0-9;]*[A-Za-z]|\n|\r|[^\x1b\n\r]+/g) ?? []) this.take(part)
    return true
  }

  /** What is to be read on it. */
  get text(): string {
    return this.lines.map((line) => line.trimEnd()).join("\n").trimEnd()
  }

  private take(part: string): void {
    // oxlint-disable-next-line no-control-regex
    const up = /^\x1b\[(\d+)A$/.exec(part)
    if (part === "\n") {
      this.row++
      this.column = 0
      if (this.row === this.lines.length) this.lines.push("")
    } else if (part === "\r") this.column = 0
    else if (up !== null) {
      const rows = Number(up[1])
      if (rows > this.row) throw new Error("moved above the first line")
      this.row -= rows
    } else if (part === "\x1b[K") this.lines[this.row] = this.line.slice(0, this.column)
    else if (part === "\x1b[J") {
      this.lines[this.row] = this.line.slice(0, this.column)
      this.lines.length = this.row + 1
    } else if (part === "\x1b[?25l") this.cursorVisible = false
    else if (part === "\x1b[?25h") this.cursorVisible = true
    else if (!part.startsWith("\x1b")) {
      this.lines[this.row] = this.line.slice(0, this.column).padEnd(this.column) + part + this.line.slice(this.column + part.length)
      this.column += part.length
    }
  }

  private get line(): string {
    return this.lines[this.row]!
  }
}
