/**
 * What a run ends with on paper: what was restored, cached, executed and skipped, the time that saved, the last metrics,
 * and where to look next, as commands that can be copied.
 */
import { type Comparison, escapeControls, formatCount, formatDuration, formatNumber, paint, type Tone } from "@uniflow/compare"
import type { RunStatus, RunView } from "@uniflow/core"
import { renderAgainstParent } from "./AgainstParent.ts"
import { lookOfStatus } from "./Look.ts"
import { errorLines, isOwn, rootOf } from "./StoredErrorText.ts"

export interface Receipt {
  readonly view: RunView.RunView
  readonly savedMs: number
  /** Wall time of this attempt, in milliseconds. */
  readonly durationMs: number
  /** Steps of the pipeline, where it is known. */
  readonly stepCount: number | undefined
  /** Of a fork with its parent. */
  readonly comparison: Comparison | undefined
  /** A completed run of the same pipeline to compare with. */
  readonly compareWith: string | undefined
  readonly warnings: ReadonlyArray<string>
}

/** What was done with the steps of the newest attempt, by number. */
export const countsOf = (view: RunView.RunView): { readonly [what: string]: number } => {
  const counts = { restored: 0, cached: 0, executed: 0, skipped: 0, failed: 0 }
  const attempt = view.attempts.at(-1)?.attempt
  for (const step of view.steps) {
    if (step.attempt !== attempt) continue
    if (step.status === "failed") counts.failed++
    else counts[step.decision]++
  }
  return counts
}

const countTones: { readonly [what: string]: Tone } = { failed: "bad", "not reached": "faint" }

const countsLine = ({ savedMs, stepCount, view }: Receipt, tone: (text: string, tone: Tone | undefined) => string): string => {
  const counts = countsOf(view)
  const decided = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const unreached = stepCount === undefined ? 0 : Math.max(0, stepCount - decided)
  const parts = [...Object.entries(counts), ["not reached", unreached] as const]
    .filter(([, count]) => count > 0)
    .map(([what, count]) => tone(`${formatNumber(count)} ${what}`, countTones[what]))
  const saved = savedMs >= 1 ? tone(`  saved ${formatDuration(savedMs)}`, "good") : ""
  return `  ${parts.join(tone(" · ", "faint"))}${saved}`
}

/** Metrics under their bare names where they have one, those with a goal first. */
export const shownMetrics = (view: RunView.RunView): ReadonlyArray<readonly [name: string, value: number]> => {
  const bare = new Set(Object.keys(view.metrics).filter((name) => !Object.hasOwn(view.series, name)))
  const entries = Object.entries(view.metrics).filter(([name]) => bare.has(name) || ![...bare].some((key) => name.endsWith(`.${key}`) && view.metrics[key] === view.metrics[name]))
  const goals = Object.keys(view.goals)
  const rank = (name: string): number => {
    const at = goals.indexOf(name)
    return at < 0 ? goals.length : at
  }
  return entries.sort(([a], [b]) => rank(a) - rank(b))
}

const nextCommands = ({ compareWith, view }: Receipt): ReadonlyArray<readonly [command: string, why: string]> => {
  const { id, status } = view
  const resumes: ReadonlyArray<readonly [string, string]> = status === "completed" || status === "running"
    ? []
    : view.error?.tag === "OutcomeUnknown"
    ? [[`uniflow resolve ${id} ${view.failedStep ?? "<step>"} --output <json> | --failed | --rerun`, "say what happened"]]
    : [[`uniflow resume ${id}`, "go on from here"]]
  return [
    ...resumes,
    [`uniflow experiment show ${id}`, "everything about this run"],
    [`uniflow explain ${id}`, "why each step ran or not"],
    ...(status === "completed" && compareWith !== undefined ? [[`uniflow experiment compare ${compareWith} ${id}`, view.parent === compareWith ? "against the run that it was forked from" : "against the run before"] as const] : [])
  ]
}

const MAX_METRICS = 12

const headline = (status: RunStatus, { durationMs, view }: Receipt): string =>
  status === "completed"
    ? `${view.pipeline} completed in ${formatDuration(durationMs)}`
    : status === "interrupted"
    ? `${view.pipeline} interrupted after ${formatDuration(durationMs)}, and can be resumed`
    : `${view.pipeline} ${status}${view.failedStep === null ? "" : ` at step ${view.failedStep}`} after ${formatDuration(durationMs)}`

/** The receipt as text. */
export const renderReceipt = (receipt: Receipt, options: { readonly color: boolean; readonly columns?: number | undefined }): string => {
  const { view, warnings } = receipt
  const tone = (text: string, one: Tone | undefined): string => (options.color ? paint(text, one) : text)
  const look = lookOfStatus(view.status)
  const lines = [`${tone(look.symbol, look.tone)} ${tone(escapeControls(headline(view.status, receipt)), "strong")}  ${tone(escapeControls(view.id), "faint")}`, countsLine(receipt, tone)]
  if (view.status === "failed" && view.error !== null) {
    lines.push("", ...errorLines(rootOf(view.error), { tone, frames: isOwn(view.error) ? 0 : 3, lines: 6 }).map((line) => `  ${line}`))
  }
  const metrics = shownMetrics(view)
  if (metrics.length > 0) {
    lines.push("")
    const width = Math.max(...metrics.slice(0, MAX_METRICS).map(([name]) => name.length))
    for (const [name, value] of metrics.slice(0, MAX_METRICS)) {
      const goal = view.goals[name]
      lines.push(`  ${escapeControls(name).padEnd(width)}  ${tone(formatNumber(value), "strong")}${goal === undefined ? "" : tone(`  ${goal}`, "faint")}`)
    }
    if (metrics.length > MAX_METRICS) lines.push(tone(`  … and ${formatCount(metrics.length - MAX_METRICS, "more metric")}`, "faint"))
  }
  if (receipt.comparison !== undefined) lines.push("", renderAgainstParent(receipt.comparison, options))
  for (const warning of warnings) lines.push("", `  ${tone("warning:", "warning")} ${escapeControls(warning)}`)
  const commands = nextCommands(receipt)
  const width = Math.max(...commands.map(([command]) => command.length))
  const explained = options.columns === undefined || width + 28 <= options.columns
  lines.push("", ...commands.map(([given, why]) => [escapeControls(given), why] as const).map(([command, why]) => `  ${explained ? `${command.padEnd(width)}  ${tone(why, "faint")}` : command}`))
  return lines.join("\n")
}
