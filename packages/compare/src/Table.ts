/**
 * A table of text for terminals: columns as wide as their content, numbers to the right, long text wrapped.
 *
 * Column widths are counted in terminal columns, so wide characters and emoji stay aligned. Every cell is escaped, so
 * stored text can be given as it is. Where the table is wider than asked, text columns give way; cells marked `whole`
 * (numbers, which a cut would falsify) never do.
 */
import { displayWidth, wrap } from "./DisplayWidth.ts"
import { escapeControls } from "./Escape.ts"
import { paint, type Tone } from "./Tone.ts"

export interface Cell {
  readonly text: string
  readonly tone?: Tone | undefined
  /** Never wrapped nor shortened. */
  readonly whole?: boolean | undefined
}

export interface Column {
  /** Left by default. */
  readonly align?: "left" | "right" | undefined
  /** How far the column gives way, in terminal columns; 8 by default. */
  readonly minWidth?: number | undefined
  /** Where wrapping begins even if there is room, in terminal columns; 60 by default. */
  readonly maxWidth?: number | undefined
  /** Spaces before the column, at least 1, so that characters of two cells never join; 2 by default, 0 before the first. */
  readonly gap?: number | undefined
}

export interface Row {
  /** One for each column; fewer leave the rest empty. */
  readonly cells: ReadonlyArray<Cell | string>
  /** Spaces before the first cell; 0 by default. */
  readonly indent?: number | undefined
}

export interface Table {
  readonly columns: ReadonlyArray<Column>
  /** A rule is drawn below it. */
  readonly header?: Row | undefined
  /** `undefined` is an empty line. */
  readonly rows: ReadonlyArray<Row | undefined>
  /** Most lines that one cell is wrapped into; 4 by default. */
  readonly maxLines?: number | undefined
}

export interface TableOptions {
  /** Terminal columns to fit into; as wide as the content asks for by default. */
  readonly columns?: number | undefined
  /** Colours (SGR sequences); none by default. */
  readonly color?: boolean | undefined
}

interface Line {
  readonly cells: ReadonlyArray<Cell>
  readonly indent: number
}

interface Widths {
  readonly natural: number
  readonly least: number
  readonly gap: number
}

const lineOf = ({ cells, indent = 0 }: Row, columns: number): Line => ({
  cells: Array.from({ length: columns }, (_, at) => {
    const cell = cells[at] ?? ""
    return typeof cell === "string" ? { text: escapeControls(cell) } : { ...cell, text: escapeControls(cell.text) }
  }),
  indent
})

const linesOf = (table: Table): ReadonlyArray<Line> =>
  [table.header, ...table.rows].flatMap((row) => (row === undefined ? [] : [lineOf(row, table.columns.length)]))

const measure = (table: Table): ReadonlyArray<Widths> => {
  const lines = linesOf(table)
  let first = true
  return table.columns.map(({ gap, maxWidth = 60, minWidth = 8 }, at) => {
    let natural = 0
    // What cannot be cut: whole cells, and one column of text after each indent.
    let whole = 0
    for (const { cells, indent } of lines) {
      const cell = cells[at]
      if (cell === undefined || cell.text === "") continue
      const width = displayWidth(cell.text) + (at === 0 ? indent : 0)
      natural = Math.max(natural, width)
      whole = Math.max(whole, cell.whole === true ? width : width - displayWidth(cell.text) + 1)
    }
    // A column without any text takes no room, nor does its gap.
    if (natural === 0) return { natural: 0, least: 0, gap: 0 }
    natural = Math.max(whole, Math.min(natural, maxWidth))
    const before = first ? 0 : Math.max(1, gap ?? 2)
    first = false
    return { natural, least: Math.min(natural, Math.max(whole, minWidth)), gap: before }
  })
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)

/** The narrowest that a table can be laid out, in terminal columns. */
export const leastTableWidth = (table: Table): number => sum(measure(table).map(({ gap, least }) => gap + least))

/** The widths of columns: the widest gives way first. */
const fit = (widths: ReadonlyArray<Widths>, available: number): ReadonlyArray<number> => {
  const fitted = widths.map(({ natural }) => natural)
  let excess = sum(widths.map(({ gap, natural }) => gap + natural)) - available
  while (excess > 0) {
    let widest = -1
    for (const [at, { least }] of widths.entries()) {
      const width = fitted[at] ?? 0
      if (width > least && (widest < 0 || width > (fitted[widest] ?? 0))) widest = at
    }
    if (widest < 0) return fitted
    fitted[widest] = (fitted[widest] ?? 0) - 1
    excess--
  }
  return fitted
}

/** Lays a table out: its lines, all of the same display width (colours aside). */
export const layoutTable = (table: Table, options: TableOptions = {}): ReadonlyArray<string> => {
  const measured = measure(table)
  const widths = fit(measured, options.columns ?? Number.POSITIVE_INFINITY)
  const colored = (text: string, tone: Tone | undefined): string => (options.color === true ? paint(text, tone) : text)
  const maxLines = table.maxLines ?? 4

  const layoutLine = ({ cells, indent }: Line): ReadonlyArray<string> => {
    const wrapped = cells.map(({ text, whole }, at) => {
      if (text === "") return [""]
      const width = Math.max(1, (widths[at] ?? 0) - (at === 0 ? indent : 0))
      return whole === true ? [text] : wrap(text, width, maxLines)
    })
    return Array.from({ length: Math.max(1, ...wrapped.map((lines) => lines.length)) }, (_, number) =>
      wrapped.map((lines, at) => {
        const text = lines[number] ?? ""
        const gap = measured[at]?.gap ?? 0
        const width = widths[at] ?? 0
        if (text === "") return " ".repeat(gap + width)
        // The lines of wrapped text begin at one place, also where the column is aligned to the right.
        const block = Math.max(...lines.map(displayWidth))
        const inset = at === 0 ? indent : 0
        const free = width - inset - block
        const right = table.columns[at]?.align === "right"
        return " ".repeat(gap + inset + (right ? free : 0))
          + colored(text, cells[at]?.tone)
          + " ".repeat((right ? 0 : free) + block - displayWidth(text))
      }).join(""))
  }

  // Columns that stand close together share one rule.
  const rule = (): string =>
    widths.map((width, at) => {
      const gap = measured[at]?.gap ?? 0
      return gap === 1 ? colored("─".repeat(1 + width), "faint") : " ".repeat(gap) + colored("─".repeat(width), "faint")
    }).join("")
  const total = sum(widths) + sum(measured.map(({ gap }) => gap))
  return [
    ...table.header === undefined ? [] : [...layoutLine(lineOf(table.header, table.columns.length)), rule()],
    ...table.rows.flatMap((row) => (row === undefined ? [" ".repeat(total)] : layoutLine(lineOf(row, table.columns.length))))
  ]
}

/** A table as text, without spaces at the ends of lines and without a final line break. */
export const renderTable = (table: Table, options?: TableOptions): string =>
  layoutTable(table, options).map((line) => line.trimEnd()).join("\n")
