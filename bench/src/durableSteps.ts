import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Pipeline, Step } from "uniflow"
import { type Line, line, timed } from "./Line.ts"
import { payload, rawDatabase, withUniflow } from "./workspace.ts"

type Payload = ReturnType<typeof payload>
type Outputs = { readonly [step: string]: Payload }
type Chained = Step.Step<string, Payload, never, never, never, Outputs>

/** A chain of steps, each reading the one before it. */
export const chain = (name: string, length: number): Pipeline.Pipeline<string, {}, Outputs> => {
  let last: Chained = Step.make(`${name}-0`, { version: "1", run: () => payload(0) })
  for (let i = 1; i < length; i++) {
    const before: Chained = last
    last = Step.make(`${name}-${i}`, { version: "1", inputs: { before }, run: () => payload(i) })
  }
  return Pipeline.make(name, { steps: [last] })
}

const STEPS = 1000
const RUNS = 200
const AT_ONCE = 16

/** Runs `count` pieces of work, some at the same time. */
export const pool = async (count: number, atOnce: number, work: (i: number) => Promise<unknown>): Promise<void> => {
  let next = 0
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) await work(next++)
  }))
}

/** Milliseconds per row for one insert per transaction, synchronised each time. */
const rawInserts = (database: DatabaseSync, round: string): Promise<number> => {
  database.exec("create table if not exists checkpoints(run text, step integer, output text, at integer, primary key(run, step)) without rowid")
  const insert = database.prepare("insert into checkpoints values(?, ?, ?, ?)")
  return timed(() => {
    for (let i = 0; i < STEPS; i++) insert.run(round, i, JSON.stringify(payload(i)), Date.now())
  })
}

/** 1: what a durable step costs. 2: what it costs when many runs wait at once. */
export const durableSteps = (rounds: number): Promise<ReadonlyArray<Line>> =>
  withUniflow(async (uniflow, folder) => {
    const database = rawDatabase(folder)
    const long = chain("long", STEPS)
    const short = chain("short", 5)
    const sequential: Array<{ value: number; against: number }> = []
    const wide: Array<{ value: number; against: number }> = []
    // Both sides as they are once they have been used for a while.
    for (let round = 0; round < 3; round++) {
      await rawInserts(database, `warm-${round}`)
      await uniflow.run(chain("warm", STEPS), { runId: `warm-${round}` })
      await pool(RUNS, AT_ONCE, (i) => uniflow.run(short, { runId: `warm-${round}-${i}` }))
    }
    for (let round = 0; round < rounds; round++) {
      const raw = (await rawInserts(database, `round-${round}`)) / STEPS
      const one = (await timed(() => uniflow.run(long, { runId: `long-${round}` }))) / STEPS
      const many = (await timed(() => pool(RUNS, AT_ONCE, (i) => uniflow.run(short, { runId: `short-${round}-${i}` })))) / (RUNS * 5)
      sequential.push({ value: one, against: raw })
      wide.push({ value: many, against: raw })
    }
    database.close()
    return [
      line({ name: "durable-step", unit: "ms/step", against: "one raw SQLite insert, synchronous=FULL", pairs: sequential, bar: { most: 1.6 } }),
      line({ name: "durable-step-16-at-once", unit: "ms/step", against: "one raw SQLite insert, synchronous=FULL", pairs: wide, bar: { most: 0.6 } })
    ]
  })

const RESTORED = 10_000

/** 3: restoring a finished run of 10,000 steps. */
export const restore = (rounds: number): Promise<ReadonlyArray<Line>> =>
  withUniflow(async (uniflow, folder) => {
    const pipeline = chain("restored", RESTORED)
    await uniflow.run(pipeline, { runId: "restored" })
    const pairs: Array<{ value: number; against: number }> = []
    for (let round = 0; round < rounds; round++) {
      const database = new DatabaseSync(join(folder, ".uniflow", "uniflow.db"), { readOnly: true })
      const raw = await timed(() => rawReads(database))
      database.close()
      const restored = await timed(async () => {
        const run = await uniflow.run(pipeline, { runId: "restored" })
        if (run.decisions["restored-0"]?.decision !== "restored") throw new Error("not restored")
      })
      pairs.push({ value: restored / RESTORED, against: raw / RESTORED })
    }
    return [line({ name: "restore-finished-run", unit: "ms/step", against: "reading the same rows by key", pairs, bar: { most: 3 } })]
  })

const rawReads = (database: DatabaseSync): void => {
  const keys = database.prepare("select id from steps order by id limit ?").all(RESTORED)
  const read = database.prepare("select * from steps where id = ?")
  for (const { id } of keys) read.get(id!)
}
