/** When what was done: the attempts of a run under each other, each with its steps as bars over its own time. */
import { formatCount, formatDuration, formatTime } from "@uniflow/compare"
import type { Run } from "../api.ts"
import { phaseOf, StepLook } from "./StepLook.tsx"
import { Status } from "./Status.tsx"
import { useNow } from "./When.tsx"

const bars: Record<string, string> = { executed: "bg-accent", failed: "bg-bad", running: "bg-accent/60", cached: "bg-soft", restored: "bg-soft", skipped: "bg-soft", interrupted: "bg-warning" }

/** Attempts before these are folded. */
const SHOWN = 5

interface Bar {
  readonly step: string
  readonly phase: string
  readonly fromMs: number
  readonly tookMs: number
}

const Attempt = ({ attempt, nowMs, run }: { readonly attempt: Run["attempts"][number]; readonly nowMs: number; readonly run: Run }) => {
  const isNewest = attempt.attempt === run.attempts.at(-1)?.attempt
  const begin = Number(attempt.startedAtMs)
  const all: ReadonlyArray<Bar> = [
    ...run.executions.filter((one) => one.attempt === attempt.attempt).map((one) => ({ step: one.step, phase: phaseOf(one), fromMs: one.startedAtMs, tookMs: one.decision === "executed" ? one.durationMs : 0 })),
    ...isNewest ? run.active.filter(({ step }) => !step.includes("[")).map(({ startedAtMs, step }) => ({ step, phase: "running", fromMs: Number(startedAtMs), tookMs: Math.max(0, nowMs - Number(startedAtMs)) })) : []
  ]
  const last = all.reduce((latest, { fromMs, tookMs }) => Math.max(latest, fromMs + tookMs), begin)
  const end = attempt.endedAtMs === null ? (run.status === "running" && isNewest ? Math.max(nowMs, last) : last) : Math.max(Number(attempt.endedAtMs), last)
  const span = Math.max(1, end - begin)
  return (
    <li className="border-t border-line py-2 first:border-t-0 first:pt-0">
      <p className="mb-1 flex flex-wrap gap-x-3 text-small">
        <span className="font-semibold">Attempt {attempt.attempt}</span>
        <Status status={attempt.status} />
        <span className="text-soft">{formatTime(begin)} UTC</span>
        <span className="ml-auto text-soft">{attempt.endedAtMs === null && attempt.status !== "running" ? "at least " : ""}{formatDuration(span)}</span>
      </p>
      <ol className="space-y-1">
        {all.map(({ fromMs, phase, step, tookMs }, at) => {
          const left = Math.min(100, Math.max(0, ((fromMs - begin) / span) * 100))
          const width = Math.min(100 - left, (tookMs / span) * 100)
          return (
            <li key={at} className="grid grid-cols-[minmax(4rem,8rem)_minmax(0,1fr)_6rem] items-center gap-3 text-small">
              <span className="truncate" title={step}>{step}</span>
              <span className="relative block h-4 rounded-sm bg-band">
                <span className={`absolute inset-y-0 rounded-sm ${bars[phase] ?? "bg-soft"}`} style={{ left: `min(${left}%, 100% - 3px)`, width: `max(3px, ${width}%)` }} />
              </span>
              <span className="text-right">{tookMs > 0 || phase === "executed" ? <><StepLook phase={phase} word={false} /> {formatDuration(tookMs)}</> : <StepLook phase={phase} />}</span>
            </li>
          )
        })}
      </ol>
      {all.length === 0 ? <p className="text-small text-soft">{attempt.status === "completed" ? "Every step was restored as it stood." : "No step was decided."}</p> : null}
    </li>
  )
}

export const RunTimeline = ({ run }: { readonly run: Run }) => {
  const nowMs = useNow(run.status === "running" ? 1_000 : 60_000)
  const attempts = run.attempts.toReversed()
  return (
    <>
      <ol>{attempts.slice(0, SHOWN).map((attempt) => <Attempt key={attempt.attempt} attempt={attempt} nowMs={nowMs} run={run} />)}</ol>
      {attempts.length > SHOWN
        ? (
          <details className="border-t border-line pt-2">
            <summary className="cursor-pointer py-1 text-small text-soft">{formatCount(attempts.length - SHOWN, "earlier attempt")}</summary>
            <ol className="mt-2">{attempts.slice(SHOWN).map((attempt) => <Attempt key={attempt.attempt} attempt={attempt} nowMs={nowMs} run={run} />)}</ol>
          </details>
        )
        : null}
    </>
  )
}
