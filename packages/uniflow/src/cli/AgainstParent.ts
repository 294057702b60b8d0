/**
 * What came of a fork against its parent, in a few lines: params, metrics and the steps whose code differ. The comparison
 * itself tells the rest.
 */
import { type Cell, type Comparison, escapeControls, formatCount, formatNumbers, formatPercent, MISSING, paint, renderTable, type Tone } from "@uniflow/compare"

const MOST_ROWS = 12

const tones: { readonly [verdict: string]: Tone } = { better: "good", worse: "bad" }

const paramCell = (value: unknown): string => (value === undefined ? MISSING : typeof value === "string" ? value : JSON.stringify(value))

const paramRows = ({ params }: Comparison): ReadonlyArray<ReadonlyArray<Cell>> => params.map(({ name, values }) => [{ text: name }, ...values.map((value) => ({ text: paramCell(value) }))])

const metricRows = ({ metrics }: Comparison): ReadonlyArray<ReadonlyArray<Cell>> =>
  metrics.flatMap(({ figure, name, values }) => {
    const numbers = values.map((value) => value?.[figure])
    // Series that end alike differ on the way there.
    if (Object.is(numbers[0], numbers[1])) return []
    const { better, percent } = values[1]?.change ?? {}
    const tone = better === undefined ? undefined : tones[better]
    const told = [percent === undefined ? "" : formatPercent(percent), better ?? ""].map((text) => ({ text, tone, whole: true }))
    return [[{ text: name }, ...formatNumbers(numbers).map((text, at) => ({ text: numbers[at] === undefined ? MISSING : text, whole: true })), ...told]]
  })

/** Lines for a terminal; of a comparison of two runs, the parent first. */
export const renderAgainstParent = (comparison: Comparison, options: { readonly color: boolean; readonly columns?: number | undefined }): string => {
  const differing = comparison.differing()
  const rows = [...paramRows(differing), ...metricRows(differing)]
  const tone = (text: string, one: Tone): string => (options.color ? paint(text, one) : text)
  const code = differing.code.steps.map(({ step }) => step)
  const table = rows.length === 0 ? [] : [renderTable({
    columns: [{}, { align: "right", maxWidth: 24 }, { align: "right", maxWidth: 24 }, { align: "right" }, {}],
    rows: rows.slice(0, MOST_ROWS).map((cells) => ({ cells, indent: 4 })),
    maxLines: 2
  }, options)]
  return [
    `  Against ${escapeControls(comparison.runs[0]!.id)}, its parent${rows.length + code.length === 0 ? ": params, metrics and code are the same" : ""}`,
    ...table,
    ...rows.length > MOST_ROWS ? [tone(`    … and ${formatCount(rows.length - MOST_ROWS, "more")}`, "faint")] : [],
    ...code.length === 0 ? [] : [`    code of ${escapeControls(code.join(", "))}`]
  ].join("\n")
}
