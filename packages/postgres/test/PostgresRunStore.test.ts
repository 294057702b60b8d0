import { RunStore } from "@uniflow/core"
import { runStoreSuite } from "@uniflow/testkit"
import { Context, Effect, Layer } from "effect"
import { afterAll, beforeAll } from "vitest"
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
