/**
 * What states look like: a shape and a colour each, so that neither is needed to tell them apart.
 */
import type { RunStatus } from "@uniflow/core"
import type { Tone } from "@uniflow/compare"
import type { StepPhase } from "./RunProgress.ts"

export interface Look {
  readonly symbol: string
  readonly tone: Tone | undefined
}

const statuses: { readonly [status in RunStatus]: Look } = {
  completed: { symbol: "✓", tone: "good" },
  failed: { symbol: "✗", tone: "bad" },
  crashed: { symbol: "✗", tone: "bad" },
  interrupted: { symbol: "■", tone: "warning" },
  running: { symbol: "▶", tone: "strong" },
  pending: { symbol: "○", tone: "faint" }
}

/** The look of a run's status. */
export const lookOfStatus = (status: RunStatus): Look => statuses[status]

const phases: { readonly [phase in StepPhase]: Look } = {
  executed: { symbol: "✓", tone: "good" },
  restored: { symbol: "↺", tone: "good" },
  cached: { symbol: "⇠", tone: "good" },
  skipped: { symbol: "–", tone: "faint" },
  failed: { symbol: "✗", tone: "bad" },
  interrupted: { symbol: "■", tone: "warning" },
  running: { symbol: "▶", tone: "strong" },
  waiting: { symbol: "○", tone: "faint" }
}

/** The look of a step. */
export const lookOfPhase = (phase: StepPhase): Look => phases[phase]

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

/** A picture of something that turns. */
export const spinner = (frame: number): string => frames[frame % frames.length]!
