import { PgConnection } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { Uniflow } from "uniflow"
import { startServer } from "../../packages/postgres/test/server.ts"
import { chain, pool } from "./durableSteps.ts"
import { type Line, line, timed } from "./Line.ts"
import { payload, withFolder } from "./workspace.ts"

const STEPS = 500
const RUNS = 200
const AT_ONCE = 16

/** What a durable step costs in PostgreSQL, alone and when many runs wait at once, beside one INSERT of the same payload by the same client. */
export const postgresSteps = (rounds: number): Promise<ReadonlyArray<Line>> =>
  withFolder(async (folder) => {
    const server = await startServer()
    const uniflow = await Uniflow.open({ directory: folder, url: server.url })
    const sequential: Array<{ value: number; against: number }> = []
    const wide: Array<{ value: number; against: number }> = []
    const long = chain("long", STEPS)
    const short = chain("short", 5)
    const measured = Effect.gen(function*() {
      const raw = yield* PgConnection.make({ url: Redacted.make(server.url) })
      yield* raw.query("CREATE TABLE public.raw_steps (run text, step bigint, output text, at double precision, PRIMARY KEY (run, step))")
      const inserts = (round: number) =>
        Effect.forEach(Array.from({ length: STEPS }, (_, i) => i), (i) =>
          raw.query("INSERT INTO public.raw_steps VALUES ($1, $2, $3, $4)", [`round-${round}`, BigInt(i), JSON.stringify(payload(i)), Date.now()]), { discard: true })
      for (let round = -3; round < rounds; round++) {
        const begun = performance.now()
        yield* inserts(round)
        const against = (performance.now() - begun) / STEPS
        const one = (yield* Effect.promise(() => timed(() => uniflow.run(long, { runId: `long-${round + 3}` })))) / STEPS
        const many = (yield* Effect.promise(() => timed(() => pool(RUNS, AT_ONCE, (i) => uniflow.run(short, { runId: `short-${round + 3}-${i}` }))))) / (RUNS * 5)
        if (round < 0) continue
        sequential.push({ value: one, against })
        wide.push({ value: many, against })
      }
    })
    try {
      await Effect.runPromise(Effect.scoped(measured))
    } finally {
      await uniflow.close()
      await server.remove()
    }
    return [
      line({ name: "postgres-durable-step", unit: "ms/step", against: "one raw INSERT", pairs: sequential, bar: { most: 2.5 } }),
      line({ name: "postgres-durable-step-16-at-once", unit: "ms/step", against: "one raw INSERT", pairs: wide, bar: null })
    ]
  })
