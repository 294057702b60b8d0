/** How code differs, declaration by declaration, with the lines around each change. */
import type { ComparisonJson } from "../api.ts"
import { DiffLines, useDiff } from "./DiffLines.tsx"

type Change = ComparisonJson["code"]["changes"][number]

const OneChange = ({ change, runs }: { readonly change: Change; readonly runs: ComparisonJson["runs"] }) => {
  const { after, before, file, name, steps } = change
  const isNew = !("before" in change)
  const isGone = !("after" in change)
  const lines = useDiff(...((before === null && !isNew) || (after === null && !isGone) ? [undefined, undefined] as const : [before ?? undefined, after ?? undefined] as const))
  const what = isNew ? "new" : isGone ? "no longer reached" : lines.length === 0 ? "changed; its text was not kept" : "changed"
  const who = runs.length > 2 ? ` in ${change.runs.map((at) => runs[Number(at)]?.id ?? "").join(", ")}` : ""
  return (
    <details open className="rounded border border-line">
      <summary className="cursor-pointer px-3 py-1.5 text-small">
        <strong>{name}</strong> <span className="text-soft">{file}, {what}{who}; reached by {steps.join(", ")}</span>
      </summary>
      {lines.length === 0 ? null : <DiffLines lines={lines} label={`Changes of ${name}`} className="border-t border-line" />}
    </details>
  )
}

export const CodeDiff = ({ changes, runs }: { readonly changes: ReadonlyArray<Change>; readonly runs: ComparisonJson["runs"] }) => (
  <div className="space-y-3">{changes.map((change, at) => <OneChange key={at} change={change} runs={runs} />)}</div>
)
