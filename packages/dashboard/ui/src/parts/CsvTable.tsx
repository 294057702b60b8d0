/** CSV as a table: its first 200 rows and columns, and where asked for, what is another cell than in another text. */
import { useMemo } from "react"
import { csvRows, MOST_COLUMNS } from "./csvRows.ts"

const MOST_ROWS = 200

const isNumber = (cell: string): boolean => cell.trim() !== "" && Number.isFinite(Number(cell))

/** With `against`, cells that are others in that text are marked. */
export const CsvTable = ({ against, separator, text }: { readonly text: string; readonly separator: string; readonly against?: string }) => {
  const { rows, wide } = useMemo(() => csvRows(text, separator, MOST_ROWS + 1), [text, separator])
  const others = useMemo(() => (against === undefined ? undefined : csvRows(against, separator, MOST_ROWS + 1).rows), [against, separator])
  // A first line without a number names the columns.
  const hasHeader = rows.length > 1 && rows[0]!.every((cell) => !isNumber(cell))
  const other = (line: number, at: number): string | undefined => others?.[line]?.[at]
  const cell = (text: string, line: number, at: number) => {
    if (others === undefined || other(line, at) === text) return text
    return <><span className="sr-only">{other(line, at) === undefined ? "new: " : `was ${other(line, at)}: `}</span><span aria-hidden="true" className="text-warning">≠ </span><strong title={other(line, at) === undefined ? "new" : `was ${other(line, at)}`}>{text}</strong></>
  }
  const gone = (others?.length ?? 0) - rows.length
  return (
    <>
      <table className="text-small">
        {hasHeader ? <thead><tr>{rows[0]!.map((text, at) => <th key={at} scope="col" className="border-b border-line px-2 py-0.5 text-left">{cell(text, 0, at)}</th>)}</tr></thead> : null}
        <tbody>
          {rows.slice(0, MOST_ROWS).map((row, line) => hasHeader && line === 0 ? null : <tr key={line}>{row.map((text, at) => <td key={at} className={`border-b border-line/50 px-2 py-0.5 ${isNumber(text) ? "text-right" : "text-left"}`}>{cell(text, line, at)}</td>)}</tr>)}
        </tbody>
      </table>
      {rows.length > MOST_ROWS ? <p className="mt-1 text-small text-soft">The first {MOST_ROWS} rows</p> : null}
      {wide ? <p className="mt-1 text-small text-soft">The first {MOST_COLUMNS} columns</p> : null}
      {gone > 0 ? <p className="mt-1 text-small text-warning">{gone} rows fewer</p> : null}
    </>
  )
}
