/**
 * Comma-separated values (RFC 4180): for spreadsheets and data frames.
 *
 * Numbers stand in full. Text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection); control characters are
 * escaped as everywhere.
 */
import { escapeControls } from "./Escape.ts"

export type CsvCell = string | number | undefined

const formula = /^[=+\-@]/
const needsQuotes = /[",]|^\s|\s$/

const cell = (value: CsvCell): string => {
  if (value === undefined) return ""
  if (typeof value === "number") return Object.is(value, -0) ? "0" : String(value)
  const line = escapeControls(value)
  const text = formula.test(line) && Number.isNaN(Number(line)) ? `'${line}` : line
  return needsQuotes.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text
}

/** Rows as text, each ended by CRLF. */
export const renderCsv = (rows: ReadonlyArray<ReadonlyArray<CsvCell>>): string => rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("")
