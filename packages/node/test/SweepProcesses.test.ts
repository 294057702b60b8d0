import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { DatabaseSync } from "node:sqlite"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "uniflow-sweeps-"))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const started: Array<ChildProcess> = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL")
})

const start = () => {
  const program = fileURLToPath(new URL("programs/sweeps.ts", import.meta.url))
  const args = ["--conditions=uniflow-source", program, join(folder, ".uniflow"), join(folder, "executions")]
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
  started.push(child)
  const said: Array<string> = []
  const lines = createInterface({ input: child.stdout }).on("line", (line) => said.push(line))
  const says = (line: string): Promise<void> =>
    new Promise((resolve) => said.includes(line) ? resolve() : lines.on("line", (one) => one === line && resolve()))
  return { child, says, result: once(lines, "close").then(() => said.at(-1)) }
}

/** Reads the database of the processes. */
const query = (sql: string): number => {
  const database = new DatabaseSync(join(folder, ".uniflow", "uniflow.db"), { readOnly: true })
  try {
    return Number(database.prepare(sql).get()!["count"])
  } finally {
    database.close()
  }
}

/** Begins the same sweep in four processes, and gives the one that executes the shared step once all four have a run and want it. */
const four = async () => {
  const processes = Array.from({ length: 4 }, start)
  await Promise.all(processes.map(({ says }) => says("ready")))
  for (const { child } of processes) child.stdin.write("go\n")
  const executor = await Promise.race(processes.map(async (process) => (await process.says("executing"), process)))
  while (query("SELECT count(*) AS count FROM runs WHERE holder IS NOT NULL") < 4) await new Promise((resolve) => setTimeout(resolve, 20))
  return { executor, others: processes.filter((process) => process !== executor) }
}

const executions = (): ReadonlyArray<string> => readFileSync(join(folder, "executions"), "utf8").trim().split("\n")
const fits = [1, 2, 3, 4, 5, 6].map((rate) => `fit ${rate}`)
const results = JSON.stringify([3, 6, 9, 12, 15, 18])

/** The notes, without process ids, in order. */
const sorted = (): ReadonlyArray<string> => executions().map((line) => line.replace(/^load \d+$/, "load")).toSorted()

/** Flights that nobody has ended. */
const flights = (): number => query("SELECT count(*) AS count FROM flights")

describe("a sweep that four processes begin at the same moment", { timeout: 60_000 }, () => {
  it("executes its shared step once and each run once, and all four end with all results", async () => {
    const { executor, others } = await four()
    executor.child.stdin.write("go on\n")
    expect(await Promise.all([executor, ...others].map(({ result }) => result))).toEqual([results, results, results, results])
    expect(sorted()).toEqual([...fits, "load"])
    expect(flights()).toBe(0)
  })

  it("and of which the one that executes the shared step is killed: another one executes it, once, and the rest end with all results", async () => {
    const { executor, others } = await four()
    expect(executions()).toEqual([`load ${executor.child.pid}`])
    executor.child.kill("SIGKILL")
    expect(await Promise.all(others.map(({ result }) => result))).toEqual([results, results, results])
    expect(executions()[1]).not.toBe(`load ${executor.child.pid}`)
    expect(sorted()).toEqual([...fits, "load", "load"])
    expect(flights()).toBe(0)
  })
})
