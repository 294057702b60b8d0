import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { RunStore } from "@uniflow/core"
import { runStoreSuite } from "@uniflow/testkit"
import { Context, Effect, Layer } from "effect"
import * as SqliteRunStore from "../src/SqliteRunStore.ts"

/** A folder of its own for each test; every handle opens the database in it anew. */
const place = (heartbeatThread: boolean) =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "uniflow-sqlite-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ).pipe(
    Effect.map((folder) => ({
      open: Effect.map(
        Layer.build(Layer.fresh(SqliteRunStore.layer({ filename: join(folder, "uniflow.db"), heartbeatThread }))),
        (context) => Context.get(context, RunStore)
      )
    }))
  )

runStoreSuite({ name: "SqliteRunStore, heartbeats by a fiber", store: place(false) })

runStoreSuite({
  name: "SqliteRunStore, heartbeats by a thread",
  store: place(true),
  capabilities: { renewal: { not: "a thread keeps time by the machine's clock" } },
  cases: 10
})
