/** Changes of code in the formats of a comparison. */
import type { ComparisonData } from "../Comparison.ts"
import { type CodeChange, type DiffLine, diffLines } from "../CodeChange.ts"
import { escapeControls, markdownCode } from "../Escape.ts"
import { paint, type Tone } from "../Tone.ts"
import { html } from "./htmlPage.ts"

/** More lines of one declaration are not shown. */
const MOST_LINES = 400

interface Shown {
  readonly change: CodeChange
  /** What happened, such as `changed` or `is new, in run_8`. */
  readonly what: string
  readonly lines: ReadonlyArray<DiffLine>
  readonly more: number
}

const shown = (data: ComparisonData): ReadonlyArray<Shown> =>
  data.code.changes.map((change) => {
    const { after, before, runs } = change
    const all = before === null || after === null ? [] : diffLines(before, after)
    const kind = before === undefined ? "is new" : after === undefined ? "is no longer reached" : before === null || after === null ? "changed; its text was not kept" : "changed"
    const who = data.runs.length > 2 ? `, in ${runs.map((at) => data.runs[at]?.id ?? "").join(", ")}` : ""
    return { change, what: `${kind}${who}`, lines: all.slice(0, MOST_LINES), more: Math.max(0, all.length - MOST_LINES) }
  })

const sign = { added: "+", removed: "-", context: " ", gap: "…" } as const
const tones: Record<DiffLine["kind"], Tone | undefined> = { added: "good", removed: "bad", context: undefined, gap: "faint" }

/** Lines of code keep their tabs, and nothing else that a terminal would act on. */
const codeLine = (text: string): string => text.split("\t").map(escapeControls).join("  ")

const reached = ({ steps }: CodeChange): string => `reached by ${steps.join(", ")}`

/** Changes of code as text; undefined where there are none. */
export const codeDiffText = (data: ComparisonData, color: boolean): string | undefined => {
  const changes = shown(data)
  if (changes.length === 0) return undefined
  const colored = (text: string, tone: Tone | undefined): string => (color ? paint(text, tone) : text)
  return changes.map(({ change, lines, more, what }) => [
    colored(escapeControls(`${change.name} (${change.file}) ${what}`), "strong") + colored(escapeControls(`; ${reached(change)}`), "faint"),
    ...lines.map(({ kind, text }) => colored(`  ${sign[kind]} ${codeLine(text)}`.trimEnd(), tones[kind])),
    ...more === 0 ? [] : [colored(`  … ${more} more lines`, "faint")]
  ].join("\n")).join("\n\n")
}

/** A fence that no line of the text closes. */
const fenced = (text: string): string => {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = "`".repeat(longest + 1)
  return `${fence}diff\n${text}\n${fence}`
}

/** Changes of code as Markdown, each folded; undefined where there are none. */
export const codeDiffMarkdown = (data: ComparisonData): string | undefined => {
  const changes = shown(data)
  if (changes.length === 0) return undefined
  const body = changes.map(({ change, lines, more, what }) => [
    `${markdownCode(change.name)} (${markdownCode(change.file)}) ${change.runs.length > 0 && data.runs.length > 2 ? markdownCode(what) : what}; reached by ${change.steps.map(markdownCode).join(", ")}`,
    ...lines.length === 0 ? [] : [fenced([...lines.map(({ kind, text }) => `${sign[kind]} ${codeLine(text)}`), ...more === 0 ? [] : [`… ${more} more lines`]].join("\n"))]
  ].join("\n\n")).join("\n\n")
  return `<details>\n<summary>Changes of code</summary>\n\n${body}\n\n</details>`
}

const classes = { added: " class=\"add\"", removed: " class=\"cut\"", context: "", gap: " class=\"faint\"" } as const

/** Changes of code as HTML; empty where there are none. */
export const codeDiffHtml = (data: ComparisonData): string => {
  const changes = shown(data)
  if (changes.length === 0) return ""
  return `<h2>Changes of code</h2>\n${changes.map(({ change, lines, more, what }) =>
    `<p><strong>${html(change.name)}</strong> (${html(change.file)}) ${html(what)} <span class="faint">${html(reached(change))}</span></p>\n`
    + (lines.length === 0 ? "" : `<pre>${lines.map(({ kind, text }) => `<span${classes[kind]}>${sign[kind]} ${html(codeLine(text))}</span>`).join("\n")}${more === 0 ? "" : `\n… ${more} more lines`}</pre>`)
  ).join("\n")}`
}
