/** A group comparison as GitHub Flavored Markdown. */
import { markdownCode } from "../Escape.ts"
import { formatNumber } from "../Format.ts"
import type { GroupComparisonData } from "../GroupComparison.ts"
import { renderMarkdownTable } from "../MarkdownTable.ts"
import { groupReportOf, type GroupRow, groupTitleOf } from "./groupReport.ts"

const verdict = ({ tone, verdict: text }: GroupRow): string => (tone === "good" || tone === "bad" ? `**${text}**` : text.replace("~", "about "))

const difference = ({ difference: size, differenceInterval, percent }: GroupRow): string =>
  [percent === "" ? size : `${size} (${percent})`, differenceInterval === "" || differenceInterval === "-" ? "" : `[${differenceInterval}]`].filter((text) => text !== "").join(" ")

/** Renders a group comparison as Markdown without a final line break. */
export const renderGroupsMarkdown = (data: GroupComparisonData): string => {
  const { metrics, notes } = groupReportOf(data)
  return [
    `### ${groupTitleOf(data).map(({ stored, text }) => (stored ? markdownCode(text) : text)).join("")}`,
    renderMarkdownTable({
      align: ["left", "left", "right", "right", "right", "right", "left"],
      header: ["metric", "group", "n", "mean ± sd", `difference [${formatNumber(data.confidence * 100, 6)}% interval]`, "p", "verdict"],
      rows: metrics.flatMap(({ name, note, rows }) =>
        rows.map((row, at) => [
          at > 0 ? "" : `${markdownCode(name)}${note === undefined ? "" : ` ${note}`}`,
          markdownCode(row.group), row.n, row.sd === "-" ? row.mean : `${row.mean} ± ${row.sd}`, difference(row), row.p.replace("<", "&lt;"), verdict(row)
        ])
      )
    }),
    notes.map((note) => note.replace(/[<>|`]/g, (character) => `&#${character.charCodeAt(0)};`)).join("\n")
  ].join("\n\n")
}
