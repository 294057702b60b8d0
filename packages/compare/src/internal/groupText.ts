/** A group comparison as a table for terminals: for each metric a line per group. */
import { wrap } from "../DisplayWidth.ts"
import { escapeControls } from "../Escape.ts"
import { formatNumber } from "../Format.ts"
import type { GroupComparisonData } from "../GroupComparison.ts"
import { type Cell, type Column, leastTableWidth, renderTable, type Row, type Table } from "../Table.ts"
import { paint, type Tone } from "../Tone.ts"
import type { TextOptions } from "./comparisonText.ts"
import { type GroupReport, groupReportOf, type GroupRow, groupTitleOf } from "./groupReport.ts"

type Field = Exclude<keyof GroupRow, "tone" | "group">

const ALL: ReadonlyArray<Field> = ["n", "mean", "sd", "interval", "difference", "percent", "differenceInterval", "p", "verdict"]

/** What is left out where there is less room, one after the other. */
const LESS: ReadonlyArray<Field> = ["interval", "percent", "differenceInterval", "sd", "p"]

const tableOf = ({ metrics }: GroupReport, confidence: number, fields: ReadonlyArray<Field>): Table => {
  const percent = `${formatNumber(confidence * 100, 6)}% interval`
  const titles: Record<Field, string> = {
    n: "n", mean: "mean", sd: "sd", interval: percent, difference: "difference", percent: "", differenceInterval: percent, p: "p", verdict: "verdict"
  }
  const gap = (field: Field): number => (field === "difference" || field === "verdict" ? 3 : field === "percent" ? 1 : 2)
  const rows = metrics.flatMap(({ name, note, rows: own }, at): ReadonlyArray<Row | undefined> => [
    ...at === 0 ? [] : [undefined],
    { indent: 0, cells: [{ text: note === undefined ? name : `${name} (${note})`, tone: "strong" as const }] },
    ...own.map((row) => ({
      indent: 2,
      cells: [
        row.group,
        ...fields.map((field): Cell => ({
          text: row[field],
          tone: field === "verdict" || field === "difference" || field === "percent" ? row.tone : field === "interval" || field === "differenceInterval" ? "faint" : undefined,
          whole: field !== "verdict"
        }))
      ]
    }))
  ])
  return {
    columns: [{ minWidth: 10, maxWidth: 36 }, ...fields.map((field): Column => ({ align: field === "verdict" ? "left" : "right", minWidth: field === "verdict" ? 16 : 1, maxWidth: 44, gap: gap(field) }))],
    header: { cells: ["", ...fields.map((field) => ({ text: titles[field], tone: "faint" as const, whole: true }))] },
    rows
  }
}

/** Renders a group comparison as text without a final line break. */
export const renderGroups = (data: GroupComparisonData, options: Omit<TextOptions, "all"> = {}): string => {
  const { color = false } = options
  const columns = options.columns === undefined || !(options.columns > 0) ? undefined : Math.floor(options.columns)
  const colored = (text: string, tone: Tone): string => (color ? paint(text, tone) : text)
  const lines = (text: string): ReadonlyArray<string> => (columns === undefined ? [text] : wrap(text, columns))
  const report = groupReportOf(data)
  const choices = [ALL, ...LESS.map((_, at) => ALL.filter((field) => !LESS.slice(0, at + 1).includes(field)))]
  const fields = choices.find((one) => columns === undefined || leastTableWidth(tableOf(report, data.confidence, one)) <= columns) ?? choices.at(-1)!
  const title = escapeControls(groupTitleOf(data).map(({ text }) => text).join(""))
  return [
    lines(title).map((line) => colored(line, "strong")).join("\n"),
    renderTable(tableOf(report, data.confidence, fields), { color, columns }),
    report.notes.flatMap((note) => lines(note)).map((line) => colored(line, "faint")).join("\n")
  ].join("\n\n")
}
