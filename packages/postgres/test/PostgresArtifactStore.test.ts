import { PgConnection } from "@effect/sql-pg"
import { ArtifactStore } from "@uniflow/core"
import { artifactStoreSuite } from "@uniflow/testkit"
import { Context, Effect, Layer, Redacted } from "effect"
import { afterAll, beforeAll } from "vitest"
import { PostgresArtifactStore } from "../src/index.ts"
import { type Server, startServer } from "./server.ts"

let server: Server
beforeAll(async () => void (server = await startServer()), 60_000)
afterAll(() => server?.remove(), 60_000)

let places = 0

artifactStoreSuite({
  name: "PostgresArtifactStore",
  cases: 10,
  store: Effect.sync(() => {
    const schema = `place_${++places}`
    const url = server.url
    return {
      open: Effect.map(Layer.build(Layer.fresh(PostgresArtifactStore.layer({ url, schema }))), (context) => Context.get(context, ArtifactStore)),
      corrupt: (digest: string, mutate: (bytes: Uint8Array) => Uint8Array) =>
        Effect.scoped(Effect.gen(function*() {
          const connection = yield* PgConnection.make({ url: Redacted.make(url) })
          const parts = yield* connection.queryValues(`SELECT bytes FROM ${schema}.object_parts WHERE object = $1 ORDER BY part`, [digest])
          const bytes = mutate(Buffer.concat(parts.map(([bytes]) => bytes as Uint8Array)))
          yield* connection.queryValues(`DELETE FROM ${schema}.object_parts WHERE object = $1`, [digest])
          yield* connection.queryValues(`INSERT INTO ${schema}.object_parts (object, part, bytes) VALUES ($1, 0, $2)`, [digest, Uint8Array.from(bytes)])
        }))
    }
  })
})
