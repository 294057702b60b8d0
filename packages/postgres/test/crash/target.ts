// Everything in PostgreSQL, for the crash harness of @uniflow/testkit: a schema for each place, in the database at UNIFLOW_CRASH_URL.
import { createHash } from "node:crypto"
import { PgConnection } from "@effect/sql-pg"
import { NodeUniflow } from "@uniflow/node"
import type { CrashTarget } from "@uniflow/testkit/crash"
import { Effect, Redacted } from "effect"
import { PostgresArtifactStore, PostgresDriver, PostgresStores } from "../../src/index.ts"

const url = process.env["UNIFLOW_CRASH_URL"] ?? ""
const schemaOf = (place: string): string => `crash_${createHash("sha256").update(place).digest("hex").slice(0, 16)}`

const ask = (sql: string): Promise<ReadonlyArray<ReadonlyArray<unknown>>> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(PgConnection.make({ url: Redacted.make(url) }), (connection) => connection.queryValues(sql))))

export const target: CrashTarget = {
  name: "PostgreSQL",
  faultPoints: [...PostgresDriver.faultPoints, ...PostgresArtifactStore.faultPoints],
  inFolder: false,
  layer: (place) => NodeUniflow.layer({ directory: place, stores: { name: place, layer: PostgresStores.layer({ url, schema: schemaOf(place), maxConnections: 2 }) } }),
  leftovers: async (place) =>
    (await ask(`SELECT object FROM ${schemaOf(place)}.object_parts p WHERE NOT EXISTS (SELECT 1 FROM ${schemaOf(place)}.objects o WHERE o.digest = p.object)`)).map(([object]) => String(object)),
  dispose: async (place) => void (await ask(`DROP SCHEMA IF EXISTS ${schemaOf(place)} CASCADE`))
}
