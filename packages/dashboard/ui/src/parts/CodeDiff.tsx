/** How code differs, declaration by declaration, with the lines around each change. */
import { diffLines } from "@uniflow/compare"
import { useMemo } from "react"
import type { ComparisonJson } from "../api.ts"

type Change = ComparisonJson["code"]["changes"][number]

/** More lines of one declaration are not shown. */
const MOST_LINES = 400

const signs = { added: "+", removed: "−", context: " ", gap: "…" } as const
const words = { added: "added", removed: "removed", context: "", gap: "lines left out" } as const
const looks = { added: "bg-good/10", removed: "bg-bad/10", context: "", gap: "text-soft" } as const

const OneChange = ({ change, runs }: { readonly change: Change; readonly runs: ComparisonJson["runs"] }) => {
  const { after, before, file, name, steps } = change
  const isNew = !("before" in change)
  const isGone = !("after" in change)
  const lines = useMemo(() => ((before === null && !isNew) || (after === null && !isGone) ? [] : diffLines(before ?? undefined, after ?? undefined)), [before, after, isNew, isGone])
  const what = isNew ? "new" : isGone ? "no longer reached" : lines.length === 0 ? "changed; its text was not kept" : "changed"
  const who = runs.length > 2 ? ` in ${change.runs.map((at) => runs[Number(at)]?.id ?? "").join(", ")}` : ""
  return (
    <details open className="rounded border border-line">
      <summary className="cursor-pointer px-3 py-1.5 text-small">
        <strong>{name}</strong> <span className="text-soft">{file}, {what}{who}; reached by {steps.join(", ")}</span>
      </summary>
      {lines.length === 0 ? null : (
        <div tabIndex={0} role="group" aria-label={`Changes of ${name}`} className="relative max-h-[32rem] overflow-auto border-t border-line py-1">
          <table className="w-full font-mono text-small">
            <tbody>
              {lines.slice(0, MOST_LINES).map(({ kind, text }, at) => (
                <tr key={at} className={looks[kind]}>
                  <td className={`w-6 select-none px-2 ${kind === "added" ? "text-good" : kind === "removed" ? "text-bad" : "text-soft"}`}><span aria-hidden="true">{signs[kind]}</span><span className="sr-only">{words[kind]}</span></td>
                  <td className="whitespace-pre pr-3">{text}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {lines.length > MOST_LINES ? <p className="px-3 py-1 text-small text-soft">{lines.length - MOST_LINES} more lines</p> : null}
        </div>
      )}
    </details>
  )
}

export const CodeDiff = ({ changes, runs }: { readonly changes: ReadonlyArray<Change>; readonly runs: ComparisonJson["runs"] }) => (
  <div className="space-y-3">{changes.map((change, at) => <OneChange key={at} change={change} runs={runs} />)}</div>
)
