/** CSV as rows of cells. */

export const MOST_COLUMNS = 200

export interface CsvRows {
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  /** Cells were left out. */
  readonly wide: boolean
}

/** Rows of CSV (RFC 4180), at most `most` of them, each with its first 200 cells. */
export const csvRows = (text: string, separator: string, most: number): CsvRows => {
  const rows: Array<Array<string>> = []
  let row: Array<string> = []
  let cell = ""
  let quoted = false
  let wide = false
  const endCell = (): void => {
    if (row.length < MOST_COLUMNS) row.push(cell)
    else wide = true
    cell = ""
  }
  const endRow = (): void => {
    endCell()
    rows.push(row)
    row = []
  }
  for (let at = 0; at < text.length && rows.length < most; at++) {
    const char = text[at]!
    if (quoted) {
      if (char !== "\"") cell += char
      else if (text[at + 1] === "\"") cell += text[++at]!
      else quoted = false
    } else if (char === "\"" && cell === "") quoted = true
    else if (char === separator) endCell()
    else if (char === "\n") endRow()
    else if (char !== "\r") cell += char
  }
  if (rows.length < most && (cell !== "" || row.length > 0)) endRow()
  return { rows, wide }
}
