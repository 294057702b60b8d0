/**
 * A run's progress as plain lines with times, for pipes, files and CI: one line an event.
 *
 * Metrics and progress come in floods; of them each step tells the newest at most once a second, and the last ones
 * before its outcome. Items of a map are counted likewise; those that fail are told one by one.
 */
import { escapeControls, formatCount, formatDuration, formatNumber } from "@uniflow/compare"
import type { RunEvent } from "@uniflow/core"
import { describeReasons } from "./Reasons.ts"

const EVERY_MS = 1000

/** Of the day, where the reader is. */
const time = (atMs: number): string => {
  const date = new Date(atMs)
  return Number.isNaN(date.getTime()) ? "--:--:--" : date.toTimeString().slice(0, 8)
}

/** What a step has not told yet. */
interface Waiting {
  readonly metrics: Map<string, { readonly value: number; readonly index: number }>
  progress: string | undefined
  items: number | undefined
  toldAtMs: number
}

export class PlainProgress {
  private readonly write: (line: string) => void
  private readonly waiting = new Map<string, Waiting>()

  constructor(write: (line: string) => void) {
    this.write = write
  }

  /** Tells an event, or keeps it for later. */
  event(event: RunEvent, nowMs: number): void {
    switch (event._tag) {
      case "RunStarted":
        return this.say(event.atMs, `run ${event.runId} of ${event.pipeline}, attempt ${event.attempt}`)
      case "StepStarted":
        return event.step.includes("[") ? undefined : this.say(event.atMs, `${event.step}  started`)
      case "Progress": {
        if (event.step.includes("[")) return
        const total = event.total === null ? "" : `/${formatNumber(event.total)}`
        this.of(event.step).progress = `${formatNumber(event.done)}${total}${event.message === null ? "" : ` ${event.message}`}`
        return this.flush(event.step, nowMs, false)
      }
      case "Metric": {
        if (event.step.includes("[")) return
        this.of(event.step).metrics.set(event.key, { value: event.value, index: event.index })
        return this.flush(event.step, nowMs, false)
      }
      case "Log":
        return this.say(event.atMs, `${event.step}  ${event.level === "info" ? "" : `${event.level}: `}${event.message}`)
      case "Decided":
        return this.decided(event, nowMs)
      case "RunEnded":
        for (const step of this.waiting.keys()) this.flush(step, nowMs, true)
        return this.say(event.atMs, `run ${event.runId} ${event.status}${event.failedStep === null ? "" : ` at ${event.failedStep}`}`)
    }
  }

  private decided(event: RunEvent & { readonly _tag: "Decided" }, nowMs: number): void {
    const bracket = event.step.indexOf("[")
    const failed = event.status === "failed"
    const why = failed ? `: ${event.error?.message.split("\n")[0] ?? ""}` : ""
    if (bracket >= 0) {
      const step = event.step.slice(0, bracket)
      const waiting = this.of(step)
      waiting.items = (waiting.items ?? 0) + 1
      if (failed) this.say(event.atMs, `${event.step}  failed${why}`)
      return this.flush(step, nowMs, false)
    }
    this.flush(event.step, nowMs, true)
    this.waiting.delete(event.step)
    const duration = event.decision === "executed" ? ` in ${formatDuration(event.durationMs)}` : ""
    const reasons = describeReasons(event.reasons).join("; ")
    // What was taken from before has the time of before.
    this.say(event.decision === "executed" ? event.atMs : nowMs, `${event.step}  ${failed ? "failed" : event.decision}${duration}${failed ? why : reasons === "" ? "" : ` (${reasons})`}`)
  }

  private of(step: string): Waiting {
    let waiting = this.waiting.get(step)
    if (waiting === undefined) this.waiting.set(step, waiting = { metrics: new Map(), progress: undefined, items: undefined, toldAtMs: 0 })
    return waiting
  }

  private flush(step: string, nowMs: number, now: boolean): void {
    const waiting = this.waiting.get(step)
    if (waiting === undefined || (!now && nowMs - waiting.toldAtMs < EVERY_MS)) return
    const parts = [
      ...(waiting.progress === undefined ? [] : [waiting.progress]),
      ...(waiting.items === undefined ? [] : [formatCount(waiting.items, "item")]),
      ...[...waiting.metrics].map(([key, { value }]) => `${key} ${formatNumber(value, 4)}`)
    ]
    if (parts.length === 0) return
    waiting.progress = undefined
    waiting.metrics.clear()
    if (waiting.items !== undefined && now) waiting.items = undefined
    waiting.toldAtMs = nowMs
    this.say(nowMs, `${step}  ${parts.join("  ")}`)
  }

  private say(atMs: number, text: string): void {
    this.write(`${time(atMs)}  ${escapeControls(text)}`)
  }
}
