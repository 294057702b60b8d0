import { RunStore } from "@uniflow/core"
import { runStoreSuite } from "@uniflow/testkit"
import { Context, Effect, Layer } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { PostgresRunStore } from "../src/index.ts"
import { type Server, startServer } from "./server.ts"

let server: Server
beforeAll(async () => void (server = await startServer()), 60_000)
afterAll(() => server?.remove(), 60_000)

let places = 0

/** A schema of its own for each test; every handle connects anew. */
const place = Effect.sync(() => {
  const schema = `place ${++places}`
  return {
    open: Effect.map(
      Layer.build(Layer.fresh(PostgresRunStore.layer({ url: server.url, schema }))),
      (context) => Context.get(context, RunStore)
    )
  }
})

runStoreSuite({ name: "PostgresRunStore", store: place, cases: 10 })

// The user's own schema, which PostgreSQL looks in first by itself, and one that is only found by its name.
it("several stores in one database know nothing of each other", async () => {
  const runs = (schema: string) =>
    Effect.runPromise(Effect.scoped(Effect.flatMap(RunStore, (store) => store.runs({ limit: 10 })).pipe(Effect.provide(PostgresRunStore.layer({ url: server.url, schema })))))
  for (const schema of ["uniflow", "other", "uniflow", "it's \"quoted\""]) expect(await runs(schema)).toEqual([])
})
