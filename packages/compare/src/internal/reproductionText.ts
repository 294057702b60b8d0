import { escapeControls } from "../Escape.ts"
import { formatCount, formatNumber } from "../Format.ts"
import type { Reproduction, ReproductionFinding, ReproductionVerdict } from "../Reproduction.ts"
import { renderTable, type Row } from "../Table.ts"
import { paint, type Tone } from "../Tone.ts"
import type { TextOptions } from "./comparisonText.ts"

const looks: { readonly [verdict in ReproductionVerdict]: readonly [symbol: string, tone: Tone] } = {
  identical: ["✓", "good"],
  "within tolerance": ["≈", "good"],
  different: ["✗", "bad"],
  "not checked": ["?", "warning"]
}

const what = ({ deviation, difference, verdict }: ReproductionFinding): string =>
  difference !== undefined
    ? `${difference.path}: ${difference.old} -> ${difference.new}`
    : verdict === "within tolerance" && deviation !== undefined
    ? `numbers deviate by ${formatNumber(deviation, 2)} at most`
    : ""

const rowsOf = (finding: ReproductionFinding): ReadonlyArray<Row> => {
  const [symbol, tone] = looks[finding.verdict]
  const first = what(finding)
  const note = finding.note ?? ""
  const indent = finding.kind === "step" ? 0 : 2
  return [
    { cells: [{ text: symbol, tone }, { text: `${" ".repeat(indent)}${finding.name}` }, { text: finding.verdict, tone }, first === "" ? { text: note, tone: "faint" } : first] },
    ...first === "" || note === "" ? [] : [{ cells: ["", "", "", { text: note, tone: "faint" as const }] }]
  ]
}

const conclusion = ({ findings, tolerance, verdict }: Omit<Reproduction, "toString">): string => {
  const steps = findings.filter(({ kind }) => kind === "step")
  const unchecked = steps.filter((one) => one.verdict === "not checked").length
  const differing = findings.filter((one) => one.verdict === "different")
  const beside = unchecked === 0 ? "" : `; ${formatCount(unchecked, "step")} could not be checked`
  if (verdict === "not checked") return "Nothing could be checked"
  if (verdict === "different") return `Not reproduced: ${formatCount(differing.length, "thing differs", "things differ")}, first of them ${differing[0]!.name}${beside}`
  const checked = formatCount(steps.length - unchecked, "step")
  return verdict === "identical" ? `Reproduced: ${checked}, identical to the byte${beside}` : `Reproduced: ${checked}, numbers within ${tolerance} of each other${beside}`
}

/** A reproduction as text: a row for each step, and for each metric and artifact that is not identical. */
export const renderReproduction = (of: Omit<Reproduction, "toString">, options: TextOptions = {}): string => {
  const tone = (text: string, one: Tone): string => (options.color === true ? paint(text, one) : text)
  const shown = of.findings.filter(({ kind, verdict }) => kind === "step" || verdict !== "identical")
  const hidden = of.findings.length - shown.length
  const table = renderTable({
    columns: [{}, {}, {}, { maxWidth: 100 }],
    header: { cells: ["", "step", "again", "first difference"] },
    rows: shown.flatMap(rowsOf)
  }, { columns: options.columns, color: options.color })
  return [
    table,
    ...hidden === 0 ? [] : [tone(`and ${formatCount(hidden, "metric or artifact is", "metrics and artifacts are")} identical`, "faint")],
    ...of.remarks.length === 0 ? [] : ["", ...of.remarks.map((remark) => `${tone("!", "warning")} ${escapeControls(remark)}`)],
    "",
    tone(`${looks[of.verdict][0]} ${escapeControls(conclusion(of))}`, looks[of.verdict][1])
  ].join("\n")
}
