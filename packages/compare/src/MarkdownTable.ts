/**
 * Tables of GitHub Flavored Markdown (GFM specification, section 4.10).
 *
 * Cells are Markdown already: stored text has to come through `markdownCode`, which lets nothing
 * end a cell.
 */

export interface MarkdownTable {
  readonly align: ReadonlyArray<"left" | "right">
  readonly header: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
}

const line = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

/** The table as lines of Markdown, without a final line break. */
export const renderMarkdownTable = ({ align, header, rows }: MarkdownTable): string =>
  [line(header), line(align.map((side) => (side === "right" ? "---:" : "---"))), ...rows.map(line)].join("\n")
