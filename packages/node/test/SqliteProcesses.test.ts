import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { type RunRecord, RunStore, type RunStoreService } from "@uniflow/core"
import { Effect } from "effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as NodeProcessIdentity from "../src/NodeProcessIdentity.ts"
import * as SqliteRunStore from "../src/SqliteRunStore.ts"
import type { Order } from "./programs/runs.ts"

let folder: string
const filename = (): string => join(folder, "uniflow.db")
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "uniflow-processes-"))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const started: Array<ChildProcess> = []
afterEach(() => {
  for (const child of started.splice(0)) {
    child.kill("SIGCONT")
    child.kill("SIGKILL")
  }
})

interface Process {
  readonly child: ChildProcess
  readonly ask: (order: Order) => Promise<unknown>
  readonly exited: Promise<unknown>
}

/** A real process with the store open. */
const start = async (): Promise<Process> => {
  const program = fileURLToPath(new URL("programs/runs.ts", import.meta.url))
  const child = spawn(process.execPath, ["--conditions=uniflow-source", program, filename()], { stdio: ["pipe", "pipe", "inherit"] })
  started.push(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exited = new Promise((resolve) => child.once("exit", resolve))
  expect((await lines.next()).value).toBe("ready")
  return {
    child,
    exited,
    ask: async (order) => {
      child.stdin.write(`${JSON.stringify(order)}\n`)
      const { done, value } = await lines.next()
      return done === true ? "gone" : JSON.parse(value)
    }
  }
}

/** Uses the store in this process. */
const here = <A, E>(use: (store: RunStoreService) => Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(RunStore, use).pipe(
    Effect.provide(SqliteRunStore.layer({ filename: filename() })),
    Effect.provide(NodeProcessIdentity.layer)
  )))

const runOf = (runId: string): Promise<RunRecord> => here((store) => Effect.map(store.run(runId), (run) => run ?? expect.fail(`no run ${runId}`)))

const claim = (runId: string, leaseMs = 30_000): Order => ({ do: "claim", runId, leaseMs })
const commit = (from: number, to = from, together = 1): Order => ({ do: "commit", from, to, together })

describe("many processes on one database", () => {
  it("write at the same time, and every commit is there, in one order of changes", async () => {
    const processes = await Promise.all(Array.from({ length: 6 }, start))
    const claims = await Promise.all(processes.map(({ ask }, n) => ask(claim(`run-${n}`))))
    for (const one of claims) expect(one).toMatchObject({ attempt: 1 })
    const written = await Promise.all(processes.map(({ ask }, n) => ask(commit(1, 150, n % 2 === 0 ? 1 : 10))))
    expect(written).toEqual(processes.map(() => "done"))
    await here((store) =>
      Effect.gen(function*() {
        const { runIds } = yield* store.changes(0)
        expect(runIds.toSorted()).toEqual(processes.map((_, n) => `run-${n}`))
        const runs = yield* Effect.forEach(runIds, (id) => store.run(id))
        const revisions = runs.map((run) => run!.revision)
        expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b))
        // Six claims and 6 x 150 commits, each with a revision of its own.
        expect(revisions.at(-1)).toBe(6 + 6 * 150)
        for (const n of processes.keys()) {
          const steps = yield* store.steps(`run-${n}`)
          expect(steps.map(({ seq }) => seq)).toEqual(Array.from({ length: 150 }, (_, seq) => seq + 1))
          for (const { output } of steps) expect(yield* store.blob(output!.digest)).toHaveLength(200)
        }
      }))
  }, 60_000)

  it("make one new database between them", async () => {
    const processes = await Promise.all(Array.from({ length: 6 }, start))
    const claims = await Promise.all(processes.map(({ ask }) => ask(claim("run"))))
    expect(claims.filter((one) => typeof one === "object" && one !== null && "token" in one)).toHaveLength(1)
    expect((await here((store) => store.runs({ limit: 10 }))).map(({ id }) => id)).toEqual(["run"])
  })
})

describe("processes that race for a run", () => {
  it("one wins and the other is told, in each of 300 races for new runs", async () => {
    const [a, b] = await Promise.all([start(), start()])
    for (let n = 0; n < 300; n++) {
      const results = await Promise.all([a.ask(claim(`run-${n}`)), b.ask(claim(`run-${n}`))])
      const won = results.map((one) => typeof one === "object" && one !== null && "token" in one)
      expect(won.filter(Boolean), `race ${n}: ${JSON.stringify(results)}`).toHaveLength(1)
      expect(results[won.indexOf(false)]).toMatchObject({ error: "RunIsActive" })
    }
  }, 60_000)

  it("one wins and the other is told, in each of 100 races for the runs of a process that died", async () => {
    const [a, b, dying] = await Promise.all([start(), start(), start()])
    for (let n = 0; n < 100; n++) expect(await dying.ask(claim(`run-${n}`))).toMatchObject({ attempt: 1 })
    dying.child.kill("SIGKILL")
    await dying.exited
    for (let n = 0; n < 100; n++) {
      const results = await Promise.all([a.ask(claim(`run-${n}`)), b.ask(claim(`run-${n}`))])
      const won = results.map((one) => typeof one === "object" && one !== null && "token" in one)
      expect(won.filter(Boolean), `race ${n}: ${JSON.stringify(results)}`).toHaveLength(1)
      expect(results[won.indexOf(true)]).toMatchObject({ attempt: 2 })
      expect(results[won.indexOf(false)]).toMatchObject({ error: "RunIsActive" })
    }
  }, 60_000)
})

describe("a holder", () => {
  it("that was killed is superseded at once, and what it had recorded is there", async () => {
    const [holder, other] = await Promise.all([start(), start()])
    await holder.ask(claim("run", 600_000))
    await holder.ask(commit(1, 20))
    holder.child.kill("SIGKILL")
    await holder.exited
    expect(await other.ask(claim("run"))).toMatchObject({ attempt: 2 })
    expect(await runOf("run")).toMatchObject({ crashes: 1, attempts: 2 })
    expect(await here((store) => store.steps("run"))).toHaveLength(20)
  })

  it("that is stopped is superseded after its lease, not before, and cannot write when it wakes up", async () => {
    const [holder, other] = await Promise.all([start(), start()])
    const leaseMs = 1500
    await holder.ask(claim("run", leaseMs))
    await holder.ask(commit(1))
    holder.child.kill("SIGSTOP")
    const stoppedAt = performance.now()
    expect(await other.ask(claim("run", leaseMs))).toMatchObject({ error: "RunIsActive" })
    let answer: unknown
    do {
      await new Promise((resolve) => setTimeout(resolve, 50))
      answer = await other.ask(claim("run", leaseMs))
    } while (JSON.stringify(answer).includes("RunIsActive"))
    // Its last heartbeat may be a third of a lease older than the moment it was stopped.
    expect(performance.now() - stoppedAt).toBeGreaterThan(leaseMs * 2 / 3 - 100)
    expect(answer).toMatchObject({ attempt: 2 })
    holder.child.kill("SIGCONT")
    expect(await holder.ask(commit(2))).toMatchObject({ error: "LeaseLost" })
    expect(await other.ask(commit(2))).toBe("done")
    expect(await here((store) => store.steps("run"))).toHaveLength(2)
  }, 30_000)

  it("that computes without pause for three leases keeps its run", async () => {
    const [holder, other] = await Promise.all([start(), start()])
    const leaseMs = 1200
    await holder.ask(claim("run", leaseMs))
    let spinning = true
    const spun = holder.ask({ do: "spin", ms: 3 * leaseMs }).then((answer) => {
      spinning = false
      return answer
    })
    let refusals = 0
    while (spinning) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      if (spinning) expect(await other.ask(claim("run", leaseMs))).toMatchObject({ error: "RunIsActive" })
      refusals++
    }
    expect(refusals).toBeGreaterThan(20)
    expect(await spun).toBe("done")
    expect(await holder.ask(commit(1))).toBe("done")
    expect((await runOf("run")).heartbeat).toBeGreaterThan(5)
  }, 30_000)

  it("does not keep its process alive", async () => {
    const holder = await start()
    await holder.ask(claim("run", 600_000))
    holder.child.stdin!.end()
    expect(await holder.exited).toBe(0)
    expect(await runOf("run")).toMatchObject({ holder: null, status: "running" })
  })
})
