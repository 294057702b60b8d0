/** All runs of a view as a file for spreadsheets: with the columns in view, page by page. */
import { type CsvCell, renderCsv } from "@uniflow/compare"
import { api, type RunQuery, type RunRow } from "../api.ts"
import { numberOf, valueOf } from "./fields.ts"
import { save } from "./save.ts"
import { tagText } from "./tagText.ts"

const cellOf = (row: RunRow, field: string): CsvCell => {
  if (field === "tags") return tagText(row.tags)
  const value = valueOf(row, field)
  if (value === undefined || value === null) return undefined
  if (field === "run.started" || field === "run.created") return new Date(Number(value)).toISOString()
  return numberOf(value) ?? (typeof value === "string" ? value : JSON.stringify(value))
}

/** `onCount` is told how many runs there are already; ends when the signal is aborted. */
export const exportCsv = async (name: string, asked: RunQuery, columns: ReadonlyArray<string>, onCount: (runs: number) => void, signal: AbortSignal): Promise<void> => {
  const parts = [renderCsv([["run.id", ...columns]])]
  let after: string | undefined
  let count = 0
  do {
    const { next, runs } = await api.runs({ ...asked, after, limit: 500 })
    if (signal.aborted) return
    parts.push(renderCsv(runs.map((row) => [row.id, ...columns.map((field) => cellOf(row, field))])))
    onCount(count += runs.length)
    after = next ?? undefined
  } while (after !== undefined)
  save(`${name}.csv`, new Blob(parts, { type: "text/csv" }))
}
