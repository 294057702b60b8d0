/**
 * A run as a page for people: heading, params, metrics, steps with decisions and reasons, attempts, artifacts, the
 * error, and what to do next.
 */
import {
  type Cell, escapeControls, formatBytes, formatCount, formatDuration, formatNumber, formatTime, MISSING, paint, renderTable, type Row, type Table,
  type TableOptions, type Tone
} from "@uniflow/compare"
import type { RunView } from "@uniflow/core"
import { lookOfPhase, lookOfStatus } from "./Look.ts"
import { describeReasons } from "./Reasons.ts"
import { shownMetrics } from "./Receipt.ts"
import { ago } from "./RelativeTime.ts"
import { errorLines, isOwn, rootOf } from "./StoredErrorText.ts"

export interface PageOptions extends TableOptions {
  readonly nowMs: number
}

type View = RunView.RunView

const json = (value: unknown): string =>
  typeof value === "object" && value !== null && "$redacted" in value ? "(secret)" : typeof value === "string" ? value : JSON.stringify(value)

const time = (atMs: number): string => `${formatTime(atMs)} UTC`

/** Names and values under each other. */
const facts = (rows: ReadonlyArray<readonly [name: string, value: Cell | string]>): Table => ({
  columns: [{ maxWidth: 30 }, { maxWidth: 100 }],
  rows: rows.map(([name, value]): Row => ({ cells: [{ text: name, tone: "faint" }, value] }))
})

const heading = (view: View, { nowMs }: PageOptions): Table => {
  const { environment } = view.attempts.at(-1) ?? {}
  const git = environment?.git
  const worked = view.attempts.reduce((sum, attempt) => sum + (attempt.endedAtMs === null ? 0 : attempt.endedAtMs - attempt.startedAtMs), 0)
  return facts([
    ["started", `${time(view.createdAtMs)} (${ago(view.createdAtMs, nowMs)})`],
    ...(view.endedAtMs === null ? [] : [["took", `${formatDuration(worked)}${view.attempts.length > 1 ? ` in ${formatCount(view.attempts.length, "attempt")}` : ""}`] as const]),
    ["experiment", view.experiment],
    ...(git === undefined ? [] : [["code", `${git.commit.slice(0, 10)}${git.branch === undefined ? "" : ` on ${git.branch}`}${git.dirty ? ", with uncommitted changes" : ""}`] as const]),
    ...(environment === undefined ? [] : [["on", `${environment.host}, ${environment.runtime}, ${environment.platform}`] as const]),
    ["seed", String(view.seed)],
    ...(view.parent === null ? [] : [["forked from", view.parent] as const]),
    ...(Object.keys(view.tags).length === 0 ? [] : [["tags", Object.entries(view.tags).map(([name, value]) => `${name}=${value}`).join("  ")] as const]),
    ...(view.note === null ? [] : [["note", view.note] as const])
  ])
}

const metricsTable = (view: View): Table => ({
  columns: [{ maxWidth: 40 }, { align: "right" }, { align: "right" }, { align: "right" }, { align: "right" }, {}],
  header: { cells: ["metric", "last", "min", "max", "points", ""] },
  rows: shownMetrics(view).map(([name, value]): Row => {
    const series = Object.hasOwn(view.series, name) ? view.series[name] : Object.entries(view.series).find(([key]) => key.endsWith(`.${name}`))?.[1]
    const figure = (number: number | undefined): Cell => ({ text: number === undefined ? MISSING : formatNumber(number), whole: true })
    const many = series !== undefined && series.count > 1
    return {
      cells: [
        name,
        { ...figure(value), tone: "strong" },
        many ? figure(series.min) : "",
        many ? figure(series.max) : "",
        many ? figure(series.count) : "",
        { text: view.goals[name] ?? "", tone: "faint" }
      ]
    }
  })
})

const stepsTable = (view: View): Table => ({
  columns: [{}, { gap: 1 }, {}, { align: "right" }, { maxWidth: 110, minWidth: 16 }],
  header: { cells: ["", "step", "decision", "took", "because"] },
  rows: [
    ...view.steps.flatMap((step): ReadonlyArray<Row> => {
      const failed = step.status === "failed"
      const look = lookOfPhase(failed ? "failed" : step.decision)
      const items = step.items === undefined || step.reasons.some(({ component }) => component === "items") ? [] : [Object.entries(step.items).map(([what, count]) => `${formatNumber(count)} ${what}`).join(", ")]
      const [first = "", ...others] = [...items, ...describeReasons(step.reasons), ...(step.retries > 0 ? [`after ${formatCount(step.retries, "retry", "retries")}`] : [])]
      const took = step.decision === "skipped" || step.decision === "cached" ? "" : formatDuration(step.durationMs)
      return [
        {
              cells: [
            { text: look.symbol, tone: look.tone },
            step.name,
            { text: failed ? "failed" : step.decision, tone: look.tone },
            { text: took, whole: true, tone: step.decision === "restored" ? "faint" : undefined },
            { text: first, tone: "faint" }
          ]
        },
        ...others.map((reason): Row => ({ cells: ["", "", "", "", { text: reason, tone: "faint" }] }))
      ]
    }),
    ...view.active.filter(({ step }) => !step.includes("[")).map(({ done, step, total }): Row => ({
      cells: [{ text: "▶" }, step, view.status === "running" ? "running" : "unknown", "", done === null ? "" : `${formatNumber(done)}${total === null ? "" : `/${formatNumber(total)}`}`]
    }))
  ]
})

const attemptsTable = (view: View): Table => ({
  columns: [{}, { gap: 1, align: "right" }, {}, {}, { align: "right" }, { maxWidth: 60 }],
  header: { cells: ["", "attempt", "status", "started", "took", "process"] },
  rows: view.attempts.map(({ attempt, endedAtMs, environment, startedAtMs, status }): Row => {
    const look = lookOfStatus(status)
    return {
      cells: [
        { text: look.symbol, tone: look.tone },
        { text: String(attempt), whole: true },
        { text: status, tone: look.tone },
        formatTime(startedAtMs),
        { text: endedAtMs === null ? MISSING : formatDuration(endedAtMs - startedAtMs), whole: true },
        { text: `${environment.pid} on ${environment.host}`, tone: "faint" }
      ]
    }
  })
})

const artifactsTable = (view: View): Table => ({
  columns: [{ maxWidth: 40 }, { maxWidth: 30 }, { align: "right" }, { maxWidth: 40 }, {}],
  header: { cells: ["artifact", "of", "size", "type", "sha-256"] },
  rows: view.artifacts.map(({ digest, kind, mediaType, name, sizeBytes, step }): Row => ({
    cells: [name, { text: kind === "output" ? "output" : step, tone: "faint" }, { text: formatBytes(sizeBytes), whole: true }, { text: mediaType, tone: "faint" }, { text: digest.slice(0, 12), tone: "faint", whole: true }]
  }))
})

const nextCommands = ({ error, failedStep, id, status }: View): ReadonlyArray<string> => [
  ...(status === "completed"
    ? []
    : status === "running"
    ? [`uniflow watch ${id}`]
    : error?.tag === "OutcomeUnknown"
    ? [`uniflow resolve ${id} ${failedStep ?? "<step>"} --output <json> | --failed | --rerun`]
    : [`uniflow resume ${id}`]),
  `uniflow explain ${id}`,
  `uniflow artifact list ${id}`
]

/** The page as text. */
export const renderPage = (view: View, options: PageOptions): string => {
  const tone = (text: string, one: Tone | undefined): string => (options.color === true ? paint(text, one) : text)
  const look = lookOfStatus(view.status)
  const sections: Array<string> = []
  const section = (title: string, body: string): void => {
    if (body !== "") sections.push(`${title === "" ? "" : `${tone(title, "strong")}\n`}${body}`)
  }
  const inner = { ...options, columns: options.columns === undefined ? undefined : options.columns - 2 }
  const table = (content: Table): string => (content.rows.length === 0 ? "" : renderTable(content, inner).replace(/^(?=.)/gm, "  "))
  section("", `${tone(look.symbol, look.tone)} ${tone(escapeControls(view.id), "strong")}  ${escapeControls(view.pipeline)}  ${tone(view.status, look.tone)}${view.failedStep === null ? "" : ` at step ${escapeControls(view.failedStep)}`}\n\n${table(heading(view, options))}`)
  section("Error", view.error === null ? "" : errorLines(rootOf(view.error), { tone, frames: isOwn(view.error) ? 0 : 8, lines: 20 }).map((line) => `  ${line}`).join("\n"))
  section("Params", table(facts(Object.entries(view.params).map(([name, value]) => [name, json(value)]))))
  section("Metrics", table(metricsTable(view)))
  section("Steps", table(stepsTable(view)))
  section("Attempts", view.attempts.length < 2 ? "" : table(attemptsTable(view)))
  section("Artifacts", table(artifactsTable(view)))
  section("Next", nextCommands(view).map((command) => `  ${escapeControls(command)}`).join("\n"))
  return sections.join("\n\n")
}

/** Artifacts alone. */
export const renderArtifacts = (view: View, options: TableOptions): string => renderTable(artifactsTable(view), options)
