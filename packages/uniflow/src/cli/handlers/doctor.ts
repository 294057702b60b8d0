import { existsSync, statSync } from "node:fs"
import process from "node:process"
import { type Cell, escapeControls, formatBytes, formatCount, formatNumber, renderTable } from "@uniflow/compare"
import { abandonedOf } from "../Abandoned.ts"
import type { Context, Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { describeFailure } from "../Failure.ts"
import { placeFor, withStore } from "../openStore.ts"
import { findConfig, loadConfigFor, shownPath } from "../ProjectConfig.ts"
import { lookAt, type StoreHealth } from "../StoreHealth.ts"

/** Something that is wrong, and what helps. */
interface Finding {
  readonly problem: string
  readonly fix: string
}

interface Diagnosis {
  /** Where runs are kept, as it is shown. */
  readonly place: string | undefined
  /** The folder; undefined where runs are kept in a database. */
  readonly directory: string | undefined
  readonly why: string | undefined
  readonly exists: boolean
  readonly config: string | undefined
  readonly health: StoreHealth | undefined
  readonly findings: ReadonlyArray<Finding>
}

const attempt = async <A>(work: () => Promise<A>, onError: (message: string) => void): Promise<A | undefined> => {
  try {
    return await work()
  } catch (error) {
    onError(describeFailure(error).message)
    return undefined
  }
}

/** Runs that stand as running although their process is proven dead. */
const abandoned = (context: Context): Promise<ReadonlyArray<string>> =>
  withStore(context, async (uniflow) => {
    const running = await uniflow.runs.find({ status: ["running"] }).toArray()
    return [...await abandonedOf(uniflow, running)]
  }, async () => [])

const diagnose = async (context: Context): Promise<Diagnosis> => {
  const findings: Array<Finding> = []
  const found = context.config ?? findConfig(context.cwd)
  const config = await attempt(() => loadConfigFor("place", context.cwd, context.config), (problem) => findings.push({ problem, fix: "Correct the config; uniflow run and resume need it." }))
  const place = await attempt(() => placeFor(context, config), (problem) => findings.push({ problem, fix: "Name another folder: --directory <folder>, UNIFLOW_DIR, or `directory` in the config." }))
  const directory = place?.directory
  const exists = place?.url !== undefined || (directory !== undefined && existsSync(directory))
  const health = directory !== undefined && exists ? await lookAt(directory) : undefined
  if (directory !== undefined && exists && !statSync(directory).isDirectory()) findings.push({ problem: `${directory} is not a folder.`, fix: "Move it aside, or name another folder: --directory <folder>, UNIFLOW_DIR, or `directory` in the config." })
  if (health?.problem !== undefined) {
    // The store says more than SQLite does of what is wrong with its file.
    let problem = `The database cannot be read: ${health.problem}`
    await attempt(() => abandoned(context), (told) => (problem = told))
    findings.push({ problem, fix: `Look at its permissions; if it is damaged, move ${directory} aside and begin anew, or restore a backup.` })
  }
  for (const damage of health?.database?.damage ?? []) findings.push({ problem: `SQLite found damage: ${damage}`, fix: "Stop all processes, copy the folder, and recover what can be read: sqlite3 uniflow.db .recover" })
  if (health?.database !== undefined || place?.url !== undefined) {
    const dead = await attempt(() => abandoned(context), (problem) => findings.push({ problem, fix: "The store cannot be opened; the message says what helps." }))
    for (const id of dead ?? []) findings.push({ problem: `Run ${id} stands as running, and its process is dead.`, fix: `uniflow resume ${id}` })
  }
  return { place: place?.name, directory, why: place?.why, exists, config: found, health, findings }
}

const render = (context: Context, { config, directory, exists, findings, health, place, why }: Diagnosis): string => {
  const { columns, color, tone } = context.output
  const rows: Array<readonly [string, Cell | string]> = []
  if (place !== undefined) rows.push([directory === undefined ? "database" : "folder", place], ["", { text: `because ${why ?? ""}`, tone: "faint" }])
  rows.push(
    ["config", config === undefined ? { text: "none found (uniflow run and resume need one)", tone: "faint" } : shownPath(config)],
    ["uniflow", context.version],
    ["node", `${process.versions.node} (${process.execPath})`],
    ["sqlite", process.versions["sqlite"] ?? "unknown"]
  )
  const database = health?.database
  if (database !== undefined) {
    const runs = Object.entries(database.runs)
    rows.push(
      ["store", `${database.id}, format ${database.format}`],
      ["runs", runs.length === 0 ? "none" : `${formatNumber(runs.reduce((sum, [, count]) => sum + count, 0))} (${runs.map(([status, count]) => `${formatNumber(count)} ${status}`).join(", ")})`],
      ["records", `${formatCount(database.attempts, "attempt")}, ${formatCount(database.decisions, "decision")}, ${formatCount(database.series, "metric series", "metric series")}, ${formatCount(database.logs, "log line")}`],
      ["database", formatBytes(database.sizeBytes)]
    )
  }
  if (health !== undefined) {
    rows.push(["artifacts", `${formatBytes(health.artifacts.sizeBytes)} in ${formatCount(health.artifacts.count, "file")}`])
    if (health.temporary.count > 0) {
      rows.push(["temporary", `${formatBytes(health.temporary.sizeBytes)} in ${formatCount(health.temporary.count, "file")}; those of dead processes go with the next write`])
    }
    if (database !== undefined) rows.push(["check", database.damage.length === 0 ? { text: "✓ the database is sound", tone: "good" } : { text: "✗ the database is damaged", tone: "bad" }])
  } else if (directory !== undefined && !exists) rows.push(["store", { text: "nothing was recorded here yet; the first run makes the folder", tone: "faint" }])
  const table = renderTable({
    columns: [{}, { maxWidth: 110 }],
    rows: rows.map(([name, value]) => ({ cells: [{ text: name, tone: "faint" }, value] })),
    maxLines: 6
  }, { columns, color })
  const told = findings.flatMap(({ fix, problem }) => [`${tone("✗", "bad")} ${escapeControls(problem)}`, `  ${escapeControls(fix)}`])
  return `${table}\n\n${told.length === 0 ? `${tone("✓", "good")} Nothing is wrong.` : told.join("\n")}`
}

/** `uniflow doctor` */
export const doctor: Handler<{}> = async (_, context) => {
  const { output } = context
  const diagnosis = await diagnose(context)
  if (output.json) {
    const { config, directory, exists, findings, health, place, why } = diagnosis
    output.document({
      directory: directory ?? null,
      place: place ?? null,
      why: why ?? null,
      exists,
      config: config ?? null,
      versions: { uniflow: context.version, node: process.versions.node, sqlite: process.versions["sqlite"] ?? null },
      store: health?.database ?? null,
      artifacts: health?.artifacts ?? null,
      temporary: health?.temporary ?? null,
      findings
    })
  } else if (!output.quiet || diagnosis.findings.length > 0) output.line(render(context, diagnosis))
  return diagnosis.findings.length === 0 ? ExitCode.success : ExitCode.store
}
