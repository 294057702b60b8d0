/**
 * Shows a run while it is under way, in the way that fits: a live block on a terminal, a line an event where output is
 * piped, JSON lines, or nothing.
 */
import process from "node:process"
import { escapeControls, paint } from "@uniflow/compare"
import type { RunEvent } from "@uniflow/core"
import { LiveBlock, type Screen } from "./LiveBlock.ts"
import type { Output } from "./Output.ts"
import { PlainProgress } from "./PlainProgress.ts"
import { viewOf } from "./ProgressView.ts"
import { RunProgress } from "./RunProgress.ts"

export interface Followed {
  readonly runId: string
  readonly events: AsyncIterable<RunEvent>
  /** Names of the pipeline's steps in their order, where the pipeline is known. */
  readonly steps?: ReadonlyArray<string> | undefined
  readonly pipeline?: string | undefined
  /** Logs from before this time belong to earlier attempts and are not shown. Unix time in milliseconds. */
  readonly sinceMs?: number | undefined
}

/** A run that is being shown. */
export interface Following {
  /** Resolves when the events have ended or were stopped; rejects when they cannot be read. */
  readonly over: Promise<void>
  /** The status that the run ended with; undefined while it has not. */
  readonly status: () => RunProgress["status"]
  /** Says something beside the progress. */
  readonly say: (text: string) => void
  /** Whether anything was told of the run. */
  readonly begun: () => boolean
  /** Stops showing it; what is drawn stays, unless nothing was told yet. */
  readonly stop: () => void
}

interface Face {
  event(event: RunEvent): void
  say(text: string): void
  end(): void
}

const FRAME_MS = 100

const liveFace = (output: Output, progress: RunProgress): Face => {
  const screen: Screen & { on(event: "resize", listener: () => void): unknown; off(event: "resize", listener: () => void): unknown } = process.stdout
  const block = new LiveBlock(screen, [process.stderr])
  let frame = 0
  const view = (): ReadonlyArray<string> => {
    const [columns, rows] = block.size
    return viewOf(progress, { columns, rows, color: output.color, nowMs: Date.now(), frame })
  }
  const draw = (): void => block.draw(view())
  const timer = setInterval(() => {
    frame++
    draw()
  }, FRAME_MS)
  timer.unref()
  screen.on("resize", draw)
  return {
    event: (event) => {
      if (event._tag === "Log" && event.level !== "debug") {
        const tone = event.level === "error" ? "bad" : event.level === "warn" ? "warning" : undefined
        const message = escapeControls(event.message)
        block.print(`${output.tone(escapeControls(event.step), "faint")}  ${tone === undefined || !output.color ? message : paint(message, tone)}`)
      } else if (event._tag === "Decided" || event._tag === "RunEnded") draw()
    },
    say: (text) => block.print(text),
    end: () => {
      clearInterval(timer)
      screen.off("resize", draw)
      // What is said below names the run again.
      block.end(progress.attempt === 0 ? [] : progress.status === undefined ? view() : view().slice(1))
    }
  }
}

const faceOf = (output: Output, progress: RunProgress): Face => {
  if (output.json) return { event: output.jsonLine, say: () => {}, end: () => {} }
  if (output.quiet) return { event: () => {}, say: () => {}, end: () => {} }
  if (output.live) return liveFace(output, progress)
  const lines = new PlainProgress(output.line)
  return { event: (event) => lines.event(event, Date.now()), say: output.remark, end: () => {} }
}

/** Begins to show a run. */
export const follow = (output: Output, followed: Followed): Following => {
  const { events, pipeline, runId, sinceMs, steps } = followed
  const progress = new RunProgress(runId, { pipeline, steps, nowMs: Date.now(), sinceMs })
  const face = faceOf(output, progress)
  let ended = false
  const end = (): void => {
    if (!ended) face.end()
    ended = true
  }
  const read = async (): Promise<void> => {
    try {
      for await (const event of events) {
        if (ended) return
        if (progress.apply(event, Date.now())) face.event(event)
        if (event._tag === "RunEnded") return
      }
    } finally {
      end()
    }
  }
  return { over: read(), status: () => progress.status, begun: () => progress.attempt > 0, say: (text) => face.say(text), stop: end }
}
