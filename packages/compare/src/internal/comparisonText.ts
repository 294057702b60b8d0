/** A comparison as a table for terminals. */
import type { ComparisonData } from "../Comparison.ts"
import { wrap } from "../DisplayWidth.ts"
import { escapeControls } from "../Escape.ts"
import { MISSING } from "../Format.ts"
import { type Cell, type Column, leastTableWidth, renderTable, type Row, type Table } from "../Table.ts"
import { paint, type Tone } from "../Tone.ts"
import { codeDiffText } from "./codeDiff.ts"
import { closingOf, type ReportCell, type ReportChange, reportOf, type ReportRow, type ReportSection, titleOf } from "./report.ts"

export interface TextOptions {
  /** Also what is equal in all runs; false by default. */
  readonly all?: boolean | undefined
  /** Terminal columns to fit into; without it the table is as wide as its content asks for. */
  readonly columns?: number | undefined
  /** Colours (SGR sequences); false by default. Better is green and worse is red, whichever direction a metric has. */
  readonly color?: boolean | undefined
}

export interface ComparisonTextOptions extends TextOptions {
  /** Also the lines of code that differ; false by default. */
  readonly code?: boolean | undefined
}

const verdictTone = (verdict: ReportChange["verdict"]): Tone | undefined =>
  verdict === "better" ? "good" : verdict === "worse" ? "bad" : verdict === "missing" ? "warning" : undefined

const marks: Record<string, string> = { better: "✓", worse: "✗" }

const cellOf = ({ kind, text, tone }: ReportCell): Cell => ({ text, tone, whole: kind === "figure" })

/** How much is said about a change. */
interface ChangeStyle {
  readonly columns: ReadonlyArray<Column>
  readonly header: string
  readonly cells: (change: ReportChange | undefined) => ReadonlyArray<Cell>
}

/** Two runs have room for the whole change: difference, percentage, verdict. */
const inFull: ChangeStyle = {
  columns: [{ align: "right", gap: 3 }, { align: "right" }, {}],
  header: "change",
  cells: (change) => {
    const tone = verdictTone(change?.verdict)
    const isWord = change?.verdict === "differs" || change?.verdict === "missing"
    return [change?.delta ?? (isWord ? change.verdict : undefined), change?.percent, isWord ? undefined : change?.verdict]
      .map((text) => ({ text: text ?? "", tone, whole: true }))
  }
}

/** With more runs, or little room, it is one figure and a mark. */
const inShort: ChangeStyle = {
  columns: [{ align: "right", gap: 2 }, { gap: 1 }],
  header: "",
  cells: (change) => {
    const verdict = change?.verdict
    const tone = verdictTone(verdict)
    const mark = verdict === undefined ? undefined : marks[verdict]
    const text = change?.percent ?? change?.delta ?? (mark === undefined ? verdict : undefined)
    return [text, mark].map((one) => ({ text: one ?? "", tone, whole: true }))
  }
}

const rowOf = ({ cells, changes, detail, label, note }: ReportRow, shown: ReadonlyArray<number>, style: ChangeStyle): Row => ({
  indent: detail === true ? 4 : 2,
  cells: [
    { text: note === undefined ? label.text : `${label.text} (${note})`, tone: detail === true ? "faint" : label.tone },
    ...shown.flatMap((at) => {
      const cell = cells[at]
      return [cell === undefined ? "" : cellOf(cell), ...at === 0 ? [] : style.cells(changes?.[at])]
    })
  ]
})

/** How far columns may give way: a long name in a narrow column is hard to read, but better than a broken line. */
interface Room {
  readonly label: number
  readonly value: number
}
const comfortable: Room = { label: 18, value: 14 }
const tight: Room = { label: 10, value: 8 }

const tableOf = (
  data: ComparisonData,
  sections: ReadonlyArray<ReportSection>,
  shown: ReadonlyArray<number>,
  style: ChangeStyle,
  room: Room
): Table => {
  const value: Column = { align: "right", minWidth: room.value, maxWidth: 32, gap: 3 }
  const columns = [{ minWidth: room.label, maxWidth: 40 }, ...shown.flatMap((at) => [value, ...at === 0 ? [] : style.columns])]
  const rows = sections.flatMap((section): ReadonlyArray<Row | undefined> => {
    // A block of some of the runs leaves out what none of them has.
    const own = section.rows.filter(({ cells }) => shown.some((at) => cells[at]?.text !== MISSING))
    return own.length === 0 ? [] : [
      ...section.title === undefined ? [] : [undefined, { cells: [{ text: section.title, tone: "strong" as const }] }],
      ...own.map((row) => rowOf(row, shown, style))
    ]
  })
  const changes = sections.some((section) => section.rows.some((row) => row.changes?.some((change) => style.cells(change).some(({ text }) => text !== ""))))
  const header = shown.flatMap((at) => [
    { text: data.runs[at]?.id ?? "", tone: "strong" as const },
    ...at === 0 ? [] : style.columns.map((_, column) => ({ text: column === 0 && changes ? style.header : "", tone: "faint" as const, whole: true }))
  ])
  return { columns, header: { cells: ["", ...header] }, rows, maxLines: 6 }
}

/** Parts the compared runs into blocks that fit, each beside the baseline, and about equally many in each. */
const blocksOf = (runs: number, fits: (shown: ReadonlyArray<number>) => boolean): ReadonlyArray<ReadonlyArray<number>> => {
  if (runs === 1) return [[0]]
  const blocks: Array<Array<number>> = []
  for (let at = 1; at < runs; at++) {
    const block = blocks.at(-1)
    if (block !== undefined && fits([...block, at])) block.push(at)
    else blocks.push([0, at])
  }
  const size = Math.ceil((runs - 1) / blocks.length)
  const even = blocks.map((_, block) => [0, ...Array.from({ length: size }, (_, at) => 1 + block * size + at).filter((at) => at < runs)])
  return even.every((shown) => shown.length > 1 && fits(shown)) ? even : blocks
}

/** Renders a comparison as text without a final line break. */
export const renderComparison = (data: ComparisonData, options: ComparisonTextOptions = {}): string => {
  const { color = false } = options
  const columns = options.columns === undefined || !(options.columns > 0) ? undefined : Math.floor(options.columns)
  const colored = (text: string, tone: Tone): string => (color ? paint(text, tone) : text)
  const lines = (text: string): ReadonlyArray<string> => (columns === undefined ? [text] : wrap(text, columns))
  const sections = reportOf(data, options.all === true)
  const title = escapeControls(titleOf(data).map(({ text }) => text).join(""))
  const fits = (shown: ReadonlyArray<number>, style: ChangeStyle, room: Room): boolean =>
    columns === undefined || leastTableWidth(tableOf(data, sections, shown, style, room)) <= columns
  const style = data.runs.length === 2 && fits([0, 1], inFull, tight) ? inFull : inShort
  const tables = blocksOf(data.runs.length, (shown) => fits(shown, style, comfortable)).map((shown) =>
    renderTable(tableOf(data, sections, shown, style, fits(shown, style, comfortable) ? comfortable : tight), { color, columns })
  )
  const verdicts = sections.some(({ rows }) => rows.some(({ changes }) => changes?.some((change) => marks[change?.verdict ?? ""] !== undefined)))
  const legend = style === inShort && verdicts
    ? `✓ better, ✗ worse than ${escapeControls(data.runs[0]?.id ?? "")} by the pipeline's goals.`
    : undefined
  const closing = closingOf(sections, data.runs.length)
  const notes = [legend, closing].flatMap((note) => (note === undefined ? [] : lines(note).map((line) => colored(line, "faint"))))
  return [
    lines(title).map((line) => colored(line, "strong")).join("\n"),
    ...tables,
    ...notes.length === 0 ? [] : [notes.join("\n")],
    ...[options.code === true ? codeDiffText(data, color) : undefined].filter((part) => part !== undefined)
  ].join("\n\n")
}
