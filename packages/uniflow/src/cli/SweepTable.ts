/** The runs of a sweep as a table: what varies, the seed, the metrics that matter, and why a run failed. */
import { type Cell, formatCount, formatDuration, formatNumbers, MISSING, renderTable } from "@uniflow/compare"
import { lookOfStatus } from "./Look.ts"

/** A run of a sweep, as far as it has come. */
export interface SweepRow {
  readonly id: string
  readonly params: { readonly [name: string]: unknown }
  readonly seed: number
  readonly status: "pending" | "running" | "completed" | "failed"
  readonly metrics: { readonly [name: string]: number }
  readonly message: string
}

interface Style {
  readonly columns: number | undefined
  readonly color: boolean
}

const MOST_METRICS = 4

/** The table; `all` are the runs that its columns are chosen from, `rows` those that are shown. */
export const renderSweep = (all: ReadonlyArray<SweepRow>, style: Style, rows = all): string => {
  const names = [...new Set(all.flatMap(({ params }) => Object.keys(params)))]
  const varying = names.filter((name) => new Set(all.map(({ params }) => JSON.stringify(params[name]))).size > 1)
  const bare = [...new Set(all.flatMap(({ metrics }) => Object.keys(metrics).filter((name) => !name.includes("."))))].slice(0, MOST_METRICS)
  const texts = bare.map((name) => formatNumbers(rows.map(({ metrics }) => metrics[name])))
  return renderTable({
    columns: [{}, { gap: 1 }, ...varying.map(() => ({ align: "right" as const })), { align: "right" }, ...bare.map(() => ({ align: "right" as const })), { maxWidth: 60 }],
    header: { cells: ["", "run", ...varying, "seed", ...bare, ""] },
    rows: rows.map((run, at) => {
      const look = lookOfStatus(run.status)
      const cells: Array<Cell | string> = [
        { text: look.symbol, tone: look.tone },
        run.id,
        ...varying.map((name) => JSON.stringify(run.params[name]) ?? MISSING),
        String(run.seed),
        ...texts.map((column) => column[at] ?? MISSING),
        { text: run.message, tone: "bad" }
      ]
      return { cells }
    })
  }, style)
}

/** What stands on a terminal while a sweep is under way, in fewer than `height` lines: the runs that are running, those that ended last, and how far it has come. */
export const liveSweep = (all: ReadonlyArray<SweepRow>, endedLast: ReadonlyArray<SweepRow>, sinceMs: number, height: number, style: Style): ReadonlyArray<string> => {
  const running = all.filter(({ status }) => status === "running")
  // Besides the rows there are a header of two lines, two lines below, and the one that the cursor stands in.
  const room = Math.max(1, height - 5)
  const ended = room > running.length ? endedLast.slice(-(room - running.length)) : []
  const shown = new Set([...ended, ...running].slice(-room))
  const failed = endedLast.filter(({ status }) => status === "failed").length
  const told = `${endedLast.length} of ${formatCount(all.length, "run")} ended${failed === 0 ? "" : `, ${failed} failed`}  ${formatDuration(sinceMs)}`
  return [...renderSweep(all, style, all.filter((row) => shown.has(row)).map((row) => ({ ...row, message: "" }))).split("\n"), "", told]
}
