/** A comparison as GitHub Flavored Markdown. */
import type { ComparisonData } from "../Comparison.ts"
import { markdownCode } from "../Escape.ts"
import { type MarkdownTable, renderMarkdownTable } from "../MarkdownTable.ts"
import { codeDiffMarkdown } from "./codeDiff.ts"
import { closingOf, type ReportCell, type ReportChange, reportOf, type ReportRow, type ReportSection, titleOf } from "./report.ts"

export interface MarkdownOptions {
  /** Also what is equal in all runs; false by default. */
  readonly all?: boolean | undefined
}

/** What a reviewer looks at first stands open, the rest folds away. */
const folded = new Set(["Artifacts", "Code", "Environment", "Packages"])

const markdown = ({ kind, text }: ReportCell): string => (kind === "stored" ? markdownCode(text) : text)

const changeOf = (change: ReportChange | undefined): string => {
  const size = change?.delta !== undefined && change.percent !== undefined ? `${change.delta} (${change.percent})` : change?.delta ?? change?.percent
  const verdict = change?.verdict === "better" ? "**better**" : change?.verdict
  return [size, verdict].filter((part) => part !== undefined).join(" ")
}

const tableOf = (data: ComparisonData, { rows }: ReportSection): MarkdownTable => {
  const hasChanges = rows.some(({ changes }) => changes?.some((change) => changeOf(change) !== ""))
  const perRun = data.runs.map((_, at) => (hasChanges && at > 0 ? 2 : 1))
  const cells = ({ cells: own, changes, detail, label, note }: ReportRow): ReadonlyArray<string> => [
    `${detail === true ? "&ensp;" : ""}${markdown(label)}${note === undefined ? "" : ` ${note}`}`,
    ...own.flatMap((cell, at) => [markdown(cell), ...perRun[at] === 2 ? [changeOf(changes?.[at])] : []])
  ]
  return {
    align: ["left", ...perRun.flatMap((count) => Array.from({ length: count }, () => "right" as const))],
    header: ["", ...data.runs.flatMap(({ id }, at) => [markdownCode(id), ...perRun[at] === 2 ? ["change"] : []])],
    rows: rows.map(cells)
  }
}

const sectionOf = (data: ComparisonData, section: ReportSection): string => {
  const table = renderMarkdownTable(tableOf(data, section))
  if (section.title === undefined) return table
  return folded.has(section.title)
    ? `<details>\n<summary>${section.title}</summary>\n\n${table}\n\n</details>`
    : `#### ${section.title}\n\n${table}`
}

/** Renders a comparison as Markdown without a final line break. */
export const renderComparisonMarkdown = (data: ComparisonData, options: MarkdownOptions = {}): string => {
  const sections = reportOf(data, options.all === true)
  const closing = closingOf(sections, data.runs.length)
  return [
    `### ${titleOf(data).map(markdown).join("")}`,
    ...sections.filter(({ rows }) => rows.length > 0).map((section) => sectionOf(data, section)),
    ...[codeDiffMarkdown(data)].filter((part) => part !== undefined),
    ...closing === undefined ? [] : [closing]
  ].join("\n\n")
}
