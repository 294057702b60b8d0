/** Two texts line by line, as far as they differ. */
import { diffLines } from "@uniflow/compare"
import { useMemo } from "react"

/** More lines are not shown. */
const MOST_LINES = 400

const signs = { added: "+", removed: "−", context: " ", gap: "…" } as const
const words = { added: "added", removed: "removed", context: "", gap: "lines left out" } as const
const looks = { added: "bg-good/10", removed: "bg-bad/10", context: "", gap: "text-soft" } as const

/** The difference, remembered while the texts stay; no lines where they are the same. */
export const useDiff = (before: string | undefined, after: string | undefined) => useMemo(() => (before === after ? [] : diffLines(before, after)), [before, after])

export const DiffLines = ({ className = "", label, lines, wrap = false }: { readonly lines: ReturnType<typeof useDiff>; readonly label: string; readonly className?: string; readonly wrap?: boolean }) => (
  <div tabIndex={0} role="group" aria-label={label} className={`relative max-h-[32rem] overflow-auto py-1 ${className}`}>
    <table className="w-full text-left font-mono text-small">
      <tbody>
        {lines.slice(0, MOST_LINES).map(({ kind, text }, at) => (
          <tr key={at} className={looks[kind]}>
            <td className={`w-6 select-none px-2 align-top ${kind === "added" ? "text-good" : kind === "removed" ? "text-bad" : "text-soft"}`}><span aria-hidden="true">{signs[kind]}</span><span className="sr-only">{words[kind]}</span></td>
            <td className={`pr-3 ${wrap ? "whitespace-pre-wrap wrap-anywhere" : "whitespace-pre"}`}>{text}</td>
          </tr>
        ))}
      </tbody>
    </table>
    {lines.length > MOST_LINES ? <p className="px-3 py-1 text-small text-soft">{lines.length - MOST_LINES} more lines</p> : null}
  </div>
)
