/**
 * The run store of a folder: `SqlRunStore` on SQLite, with this process as the holder of its runs.
 *
 * ```ts
 * import { RunStore } from "@uniflow/core"
 * import { SqliteRunStore } from "@uniflow/node"
 * import { Effect } from "effect"
 *
 * const newest = Effect.gen(function*() {
 *   const store = yield* RunStore
 *   return yield* store.runs({ limit: 10 })
 * }).pipe(Effect.provide(SqliteRunStore.layer({ filename: ".uniflow/uniflow.db" })))
 * ```
 */
import { join } from "node:path"
import type { RunStore, StoreError } from "@uniflow/core"
import { SqlRunStore } from "@uniflow/sql"
import { Effect, Layer } from "effect"
import * as SqliteDriver from "./SqliteDriver.ts"
import { UniflowDirectory } from "./UniflowDirectory.ts"

/** A `RunStore` in a file. Building it fails with `StoreError`: `Corrupt`, `NewerFormat`, `NotSupported`, `NotPermitted`, `Busy`, … */
export const layer = (options: SqliteDriver.SqliteOptions): Layer.Layer<RunStore, StoreError> =>
  Layer.provide(SqlRunStore.layer, SqliteDriver.layer(options))

/** The database's name inside UniFlow's folder. */
export const FILENAME = "uniflow.db"

/** A `RunStore` in the folder in use, which is made when it is not there. */
export const layerDirectory: Layer.Layer<RunStore, StoreError, UniflowDirectory> = Layer.unwrap(Effect.gen(function*() {
  const { ensure, path } = yield* UniflowDirectory
  yield* ensure
  return layer({ filename: join(path, FILENAME) })
}))
