/** Checks of conditions in the formats of a comparison. */
import { wrap } from "../DisplayWidth.ts"
import { escapeControls, markdownCode } from "../Escape.ts"
import { formatCount } from "../Format.ts"
import { renderMarkdownTable } from "../MarkdownTable.ts"
import type { RegressionCheck } from "../RegressionCheck.ts"
import { renderTable } from "../Table.ts"
import { paint, type Tone } from "../Tone.ts"
import type { TextOptions } from "./comparisonText.ts"
import { html } from "./htmlPage.ts"

const summary = (checks: ReadonlyArray<RegressionCheck>): string => {
  const failed = checks.filter((check) => check.failed).length
  return failed === 0 ? `${formatCount(checks.length, "check")} passed.` : `${failed} of ${formatCount(checks.length, "check")} failed.`
}

const subjectMatters = (checks: ReadonlyArray<RegressionCheck>): boolean => new Set(checks.map(({ subject }) => subject)).size > 1

/** Checks as text for a terminal: a line for each, and how many failed. */
export const formatChecks = (checks: ReadonlyArray<RegressionCheck>, options: Omit<TextOptions, "all"> = {}): string => {
  const colored = (text: string, tone: Tone): string => (options.color === true ? paint(text, tone) : text)
  const failed = checks.some((check) => check.failed)
  return [
    colored("Checks", "strong"),
    renderTable({
      columns: [{}, { gap: 1 }, ...subjectMatters(checks) ? [{}] : [], {}],
      rows: checks.map(({ condition, failed: bad, found, subject }) => ({
        indent: 2,
        cells: [
          { text: bad ? "✗" : "✓", tone: bad ? "bad" : "good" }, condition, ...subjectMatters(checks) ? [subject] : [], { text: found, tone: bad ? "bad" : "faint" }
        ]
      }))
    }, options),
    (options.columns === undefined ? [summary(checks)] : wrap(summary(checks), options.columns)).map((line) => colored(line, failed ? "bad" : "good")).join("\n")
  ].join("\n")
}

/** Checks as Markdown: what a reviewer has to see first. */
export const formatChecksMarkdown = (checks: ReadonlyArray<RegressionCheck>): string => [
  `${checks.some(({ failed }) => failed) ? "❌" : "✅"} **${summary(checks)}**`,
  renderMarkdownTable({
    align: ["left", "left", ...subjectMatters(checks) ? ["left" as const] : [], "left"],
    header: ["", "fails if", ...subjectMatters(checks) ? [""] : [], "found"],
    rows: checks.map(({ condition, failed, found, subject }) => [
      failed ? "❌" : "✅", markdownCode(condition), ...subjectMatters(checks) ? [markdownCode(subject)] : [], found
    ])
  })
].join("\n\n")

/** Checks as HTML. */
export const checksHtml = (checks: ReadonlyArray<RegressionCheck>): string =>
  checks.length === 0 ? "" : `<h2>Checks</h2>\n<div class="scroll"><table><tbody>\n${
    checks.map(({ condition, failed, found, subject }) =>
      `<tr class="${failed ? "bad" : "good"}"><td>${failed ? "✗" : "✓"}</td><th scope="row">${html(condition)}</th><td>${html(subject)}</td><td>${html(escapeControls(found))}</td></tr>`
    ).join("\n")
  }\n</tbody></table></div>\n<p class="${checks.some(({ failed }) => failed) ? "bad" : "good"}">${html(summary(checks))}</p>`
