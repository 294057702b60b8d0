/**
 * How far a run has come: what its events add up to, for whoever draws it.
 *
 * Only the present attempt counts; what earlier attempts did is told again by a watcher, and passed over here. Items
 * of a map are counted under their step.
 */
import type { DecisionKind, Reason, RunEvent } from "@uniflow/core"

/** `interrupted`: was being executed when the run stopped. */
export type StepPhase = "waiting" | "running" | "failed" | "interrupted" | DecisionKind

export interface StepProgress {
  readonly name: string
  phase: StepPhase
  /** Unix time in milliseconds; undefined before it begins. */
  startedAtMs: number | undefined
  durationMs: number | undefined
  done: number | undefined
  total: number | undefined
  message: string | undefined
  reasons: ReadonlyArray<Reason>
  error: string | undefined
  /** Last values of its series, the newest last. */
  readonly metrics: Map<string, number>
  /** Items of a map; undefined for a plain step. */
  items: { decided: number; failed: number; readonly running: Set<string> } | undefined
}

const stepOf = (address: string): string => {
  const bracket = address.indexOf("[")
  return bracket < 0 ? address : address.slice(0, bracket)
}

export class RunProgress {
  readonly runId: string
  pipeline: string
  attempt = 0
  startedAtMs: number
  endedAtMs: number | undefined
  status: (RunEvent & { readonly _tag: "RunEnded" })["status"] | undefined
  /** In the order of the pipeline where it is known, else in which they were met. */
  readonly steps = new Map<string, StepProgress>()
  private readonly sinceMs: number

  constructor(runId: string, options: { readonly pipeline?: string | undefined; readonly steps?: ReadonlyArray<string> | undefined; readonly nowMs: number; readonly sinceMs?: number | undefined }) {
    this.runId = runId
    this.pipeline = options.pipeline ?? ""
    this.startedAtMs = options.nowMs
    this.sinceMs = options.sinceMs ?? 0
    for (const name of options.steps ?? []) this.step(name)
  }

  /** Takes an event in; false for one of an earlier attempt. `nowMs` is the time at which it was heard of. */
  apply(event: RunEvent, nowMs: number): boolean {
    switch (event._tag) {
      case "RunStarted":
        this.attempt = event.attempt
        this.pipeline = event.pipeline
        this.startedAtMs = this.sinceMs > 0 ? Math.max(event.atMs, this.sinceMs) : event.atMs
        return true
      case "StepStarted":
        return event.attempt >= this.attempt && this.started(event.step, event.atMs)
      case "Progress": {
        const step = this.step(stepOf(event.step))
        if (step.name !== event.step) return true
        step.done = event.done
        step.total = event.total ?? undefined
        step.message = event.message ?? undefined
        return true
      }
      case "Metric": {
        if (event.step.includes("[")) return true
        const { metrics } = this.step(event.step)
        metrics.delete(event.key)
        metrics.set(event.key, event.value)
        return true
      }
      case "Log":
        return event.atMs >= this.sinceMs
      case "Decided":
        return event.attempt >= this.attempt && this.decided(event)
      case "RunEnded":
        this.status = event.status
        this.endedAtMs = Math.max(event.atMs, this.startedAtMs)
        for (const step of this.steps.values()) {
          if (step.phase !== "running") continue
          step.phase = event.failedStep === step.name ? "failed" : "interrupted"
          step.durationMs = nowMs - (step.startedAtMs ?? nowMs)
        }
        return true
    }
  }

  private step(name: string): StepProgress {
    const known = this.steps.get(name)
    if (known !== undefined) return known
    const step: StepProgress = {
      name,
      phase: "waiting",
      startedAtMs: undefined,
      durationMs: undefined,
      done: undefined,
      total: undefined,
      message: undefined,
      reasons: [],
      error: undefined,
      metrics: new Map(),
      items: undefined
    }
    this.steps.set(name, step)
    return step
  }

  private started(address: string, atMs: number): boolean {
    const step = this.step(stepOf(address))
    if (step.name !== address) this.items(step).running.add(address)
    if (step.phase !== "running") {
      step.phase = "running"
      step.startedAtMs = atMs
      step.durationMs = undefined
    }
    return true
  }

  private decided(event: RunEvent & { readonly _tag: "Decided" }): boolean {
    const step = this.step(stepOf(event.step))
    if (step.name === event.step) {
      step.phase = event.status === "failed" ? "failed" : event.decision
      step.durationMs = event.durationMs
      step.reasons = event.reasons
      step.error = event.error?.message
    } else {
      const items = this.items(step)
      items.running.delete(event.step)
      items.decided++
      if (event.status === "failed") items.failed++
      if (step.phase === "waiting") {
        step.phase = "running"
        step.startedAtMs = event.atMs
      }
    }
    return true
  }

  private items(step: StepProgress): NonNullable<StepProgress["items"]> {
    return step.items ??= { decided: 0, failed: 0, running: new Set() }
  }
}
