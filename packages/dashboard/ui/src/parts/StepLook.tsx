/** What became of a step, told by shape, colour and word; and why. */
import { shortenHashes } from "@uniflow/compare"
import type { Reason } from "@uniflow/core"

const looks: Record<string, readonly [symbol: string, className: string]> = {
  executed: ["✓", "text-good"],
  restored: ["↺", "text-soft"],
  cached: ["⇣", "text-accent"],
  skipped: ["–", "text-soft"],
  failed: ["✗", "text-bad"],
  running: ["●", "text-accent"],
  interrupted: ["‖", "text-warning"]
}

/** The word for a step: its decision, unless it failed. */
export const phaseOf = ({ decision, status }: { readonly decision: string | undefined; readonly status: string }): string =>
  status === "completed" || status === "skipped" ? decision ?? status : status

export const StepLook = ({ phase, word = true }: { readonly phase: string; readonly word?: boolean }) => {
  const [symbol, className] = looks[phase] ?? ["?", "text-soft"]
  return (
    <span className={`whitespace-nowrap ${className}`}>
      <span aria-hidden="true" className="inline-block w-4 text-center">{symbol}</span>
      <span className={word ? "" : "sr-only"}>{word ? ` ${phase}` : phase}</span>
    </span>
  )
}

const sentences: { readonly [component: string]: string } = {
  first: "nothing was saved yet",
  match: "nothing that it depends on has changed",
  rerun: "asked for by --rerun",
  interrupted: "was interrupted before",
  failed: "failed before",
  cache: "taken",
  fork: "taken over",
  when: "its `when` said no"
}

// As `formatReason` of the core, whose module would bring all schemas along.
const changeText = ({ new: now, old }: Reason): string =>
  old !== undefined && now !== undefined ? `: ${old} → ${now}` : now !== undefined ? `: ${now}` : old !== undefined ? `: was ${old}` : ""

/** The reasons of a decision, each in one line. */
export const reasonTexts = (reasons: ReadonlyArray<Reason>): ReadonlyArray<string> =>
  reasons.map((reason) => {
    const { component, note, sourceRun } = reason
    const sentence = sentences[component]
    const from = sourceRun === undefined ? "" : ` from run ${sourceRun}`
    if (sentence !== undefined && changeText(reason) === "") return shortenHashes(`${sentence}${from}${note === undefined ? "" : `: ${note}`}`)
    return shortenHashes(`${component}${changeText(reason)}${from}${note === undefined ? "" : `, ${note}`}`)
  })
