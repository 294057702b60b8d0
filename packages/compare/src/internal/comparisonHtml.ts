/** A comparison of runs as one self-contained HTML file. */
import type { ComparisonData } from "../Comparison.ts"
import type { RegressionCheck } from "../RegressionCheck.ts"
import { checksHtml } from "./checkFormats.ts"
import { codeDiffHtml } from "./codeDiff.ts"
import { html, htmlNotes, htmlPage } from "./htmlPage.ts"
import { closingOf, type ReportCell, type ReportChange, reportOf, type ReportRow, type ReportSection, titleOf } from "./report.ts"

export interface HtmlOptions {
  /** Also what is equal in all runs; false by default. */
  readonly all?: boolean | undefined
  /** What came of conditions (`checkRegressions`). */
  readonly checks?: ReadonlyArray<RegressionCheck> | undefined
}

const classOf = (...names: ReadonlyArray<string | undefined | false>): string => {
  const own = names.filter((name) => typeof name === "string")
  return own.length === 0 ? "" : ` class="${own.join(" ")}"`
}

const cellOf = ({ kind, text, tone }: ReportCell): string => `<td class="${["r", kind !== "stored" && "n", tone].filter((name) => typeof name === "string").join(" ")}">${html(text)}</td>`

const changeOf = (change: ReportChange | undefined): string => {
  const verdict = change?.verdict
  const tone = verdict === "better" ? "good" : verdict === "worse" ? "bad" : verdict === "missing" ? "warning" : undefined
  const size = change?.delta !== undefined && change.percent !== undefined ? `${change.delta} (${change.percent})` : change?.delta ?? change?.percent
  return `<td${classOf("n", tone)}>${html([size, verdict].filter((part) => part !== undefined).join(" "))}</td>`
}

const bodyOf = ({ runs }: ComparisonData, { rows, title }: ReportSection): string => {
  const row = ({ cells, changes, detail, label, note }: ReportRow): string =>
    `<tr${classOf(detail === true && "detail")}><th scope="row">${html(label.text)}${note === undefined ? "" : ` <span class="faint">${html(note)}</span>`}</th>`
    + cells.map((cell, at) => cellOf(cell) + (at > 0 ? changeOf(changes?.[at]) : "")).join("") + "</tr>"
  const head = title === undefined ? "" : `<tr class="section"><th scope="rowgroup" colspan="${runs.length * 2}">${html(title)}</th></tr>\n`
  return `<tbody>\n${head}${rows.map(row).join("\n")}\n</tbody>`
}

/** Renders a comparison as an HTML file. */
export const renderComparisonHtml = (data: ComparisonData, options: HtmlOptions = {}): string => {
  const sections = reportOf(data, options.all === true)
  const closing = closingOf(sections, data.runs.length)
  const header = data.runs.map(({ id }, at) => `<th scope="col" class="n">${html(id)}</th>${at > 0 ? "<th scope=\"col\" class=\"n\">change</th>" : ""}`).join("")
  const table = `<div class="scroll"><table><thead><tr><td></td>${header}</tr></thead>\n${sections.filter(({ rows }) => rows.length > 0).map((section) => bodyOf(data, section)).join("\n")}\n</table></div>`
  return htmlPage(titleOf(data).map(({ text }) => text).join(""), [checksHtml(options.checks ?? []), table, codeDiffHtml(data), htmlNotes(closing === undefined ? [] : [closing])].filter((part) => part !== "").join("\n"))
}
