/**
 * A run's progress as a block of lines: a heading, and a line for each step with its state, time, bar and last metrics.
 *
 * A function of what is known and of the terminal's size; every line fits. Where the steps do not, those that matter
 * now stay and the others are counted.
 */
import { displayWidth, escapeControls, formatCount, formatDuration, formatNumber, pad, paint, type Tone, truncate } from "@uniflow/compare"
import { oneLine } from "./Failure.ts"
import { lookOfPhase, lookOfStatus, spinner } from "./Look.ts"
import type { RunProgress, StepProgress } from "./RunProgress.ts"

export interface ViewOptions {
  readonly columns: number
  readonly rows: number
  readonly color: boolean
  readonly nowMs: number
  /** Which picture of the spinner. */
  readonly frame: number
}

type Part = readonly [text: string, tone?: Tone | undefined]

/** Parts beside each other in one line; the one that crosses the edge is shortened, those after it are left out. */
const fit = (parts: ReadonlyArray<Part>, columns: number, color: boolean): string => {
  let left = columns
  let line = ""
  const lastWritten = parts.findLastIndex(([text]) => text.trim() !== "")
  for (const [at, [padded, tone]] of parts.entries()) {
    if (left <= 0 || at > lastWritten) break
    // Nothing is written behind the last word: a terminal that becomes narrower would wrap the spaces, too.
    const text = at === lastWritten ? padded.trimEnd() : padded
    const shown = truncate(text, left)
    left -= displayWidth(shown)
    line += color ? paint(shown, tone) : shown
  }
  return line
}

const bar = (share: number, width: number): ReadonlyArray<Part> => {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width)
  return [["━".repeat(filled), "good"], ["─".repeat(width - filled), "faint"]]
}

const elapsed = (step: StepProgress, nowMs: number): string => {
  if (step.durationMs !== undefined) return step.phase === "restored" || step.phase === "cached" || step.phase === "skipped" ? "" : formatDuration(step.durationMs)
  return step.phase === "running" && step.startedAtMs !== undefined ? formatDuration(Math.floor(Math.max(0, nowMs - step.startedAtMs) / 100) * 100) : ""
}

const percent = (share: number): string => `${Math.floor(Math.min(1, Math.max(0, share)) * 100)}%`.padStart(4)

const metricsOf = (step: StepProgress): string =>
  [...step.metrics].slice(-4).map(([key, value]) => `${escapeControls(key)} ${formatNumber(value, 4)}`).join("  ")

/** What is said about a step beside its state and time. */
const details = (step: StepProgress, columns: number): ReadonlyArray<Part> => {
  const parts: Array<Part> = []
  const say = (text: string, tone?: Tone): void => {
    if (text !== "") parts.push([parts.length === 0 ? text : `  ${text}`, tone])
  }
  if (step.phase === "running") {
    if (step.total !== undefined && step.total > 0 && step.done !== undefined) {
      const share = step.done / step.total
      if (columns >= 60) parts.push(...bar(share, columns >= 100 ? 24 : 12))
      say(`${percent(share)}  ${formatNumber(step.done)}/${formatNumber(step.total)}`)
    } else if (step.done !== undefined) say(formatNumber(step.done))
    if (step.items !== undefined && step.done === undefined) say(formatCount(step.items.decided, "item"))
    if (step.items !== undefined && step.items.failed > 0) say(`${formatNumber(step.items.failed)} failed`, "bad")
    if (step.message !== undefined) say(escapeControls(step.message))
    else say(metricsOf(step), "faint")
  } else if (step.phase === "failed") say(oneLine(step.error ?? ""), "bad")
  else if (step.phase === "executed") {
    if (step.items !== undefined) say(formatCount(step.items.decided, "item"), "faint")
    say(metricsOf(step), "faint")
  }
  else if (step.phase === "cached") {
    const source = step.reasons.find(({ sourceRun }) => sourceRun !== undefined)?.sourceRun
    if (source !== undefined) say(`from ${escapeControls(source)}`, "faint")
  }
  return parts
}

const lineOf = (step: StepProgress, nameWidth: number, options: ViewOptions): string => {
  const { tone, symbol } = lookOfPhase(step.phase)
  const time = elapsed(step, options.nowMs)
  const narrow = options.columns < 44
  return fit([
    [`${step.phase === "running" ? spinner(options.frame) : symbol} `, tone],
    [pad(truncate(escapeControls(step.name), nameWidth), nameWidth), step.phase === "waiting" ? "faint" : undefined],
    ...(narrow ? [] : [[`  ${pad(step.phase, 11)}`, step.phase === "failed" || step.phase === "interrupted" ? tone : "faint"] as const]),
    [`${pad(time, narrow ? 8 : 9, "right")}  `],
    ...details(step, options.columns)
  ], options.columns, options.color)
}

/** Steps that fit, in their order: what runs or failed first, then what was decided last. */
const choose = (steps: ReadonlyArray<StepProgress>, room: number): ReadonlyArray<StepProgress> => {
  if (steps.length <= room) return steps
  const rank = (step: StepProgress): number => step.phase === "running" ? 0 : step.phase === "failed" || step.phase === "interrupted" ? 1 : step.phase === "waiting" ? 2 : 3
  const firstWaiting = steps.findIndex((step) => step.phase === "waiting")
  const chosen = new Set(
    steps.map((step, at) => ({ step, at }))
      .sort((a, b) => rank(a.step) - rank(b.step) || (rank(a.step) === 3 ? b.at - a.at : Math.abs(a.at - firstWaiting) - Math.abs(b.at - firstWaiting)))
      .slice(0, room)
      .map(({ step }) => step)
  )
  return steps.filter((step) => chosen.has(step))
}

/** The block for a run; at most `rows - 1` lines of at most `columns - 1` columns, so that nothing wraps or scrolls. */
export const viewOf = (run: RunProgress, given: ViewOptions): ReadonlyArray<string> => {
  const options = { ...given, columns: Math.max(8, given.columns - 1) }
  const steps = [...run.steps.values()]
  const room = Math.max(1, options.rows - 4)
  const shown = choose(steps, steps.length > room ? room - 1 : room)
  const nameWidth = Math.min(Math.max(4, ...shown.map(({ name }) => displayWidth(escapeControls(name)))), Math.max(8, Math.floor(options.columns * 0.35)))
  const look = run.status === undefined ? undefined : lookOfStatus(run.status)
  const heading = fit([
    [`${look?.symbol ?? spinner(options.frame)} `, look?.tone ?? "strong"],
    [escapeControls(run.pipeline), "strong"],
    [`  ${escapeControls(run.runId)}`, "faint"],
    ...(run.attempt > 1 ? [[`  attempt ${run.attempt}`, "faint"] as const] : []),
    ...(run.status === undefined ? [[`  ${formatDuration(Math.floor(Math.max(0, options.nowMs - run.startedAtMs) / 1000) * 1000)}`, "faint"] as const] : []),
    ...(run.status === undefined ? [] : [[`  ${run.status}`, look?.tone] as const])
  ], options.columns, options.color)
  const hidden = steps.length - shown.length
  const done = steps.filter(({ phase }) => phase !== "waiting" && phase !== "running").length
  return [
    heading,
    ...shown.map((step) => `  ${lineOf(step, nameWidth, { ...options, columns: options.columns - 2 })}`),
    ...(hidden > 0 ? [fit([[`  … and ${formatNumber(hidden)} more steps; ${formatNumber(done)} of ${formatNumber(steps.length)} are done`, "faint"]], options.columns, options.color)] : [])
  ]
}
