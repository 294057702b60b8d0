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
import { statSync } from "node:fs"
import { join } from "node:path"
import { RunStore, type StoreError } from "@uniflow/core"
import { SqlRunStore } from "@uniflow/sql"
import { Context, Effect, Layer } from "effect"
import { asFileError } from "./internal/fileErrors.ts"
import * as storeMadeByWriting from "./internal/storeMadeByWriting.ts"
import * as SqliteDriver from "./SqliteDriver.ts"
import { UniflowDirectory } from "./UniflowDirectory.ts"

/** A `RunStore` in a file. Building it fails with `StoreError`: `Corrupt`, `NewerFormat`, `NotSupported`, `NotPermitted`, `Busy`, … */
export const layer = (options: SqliteDriver.SqliteOptions): Layer.Layer<RunStore, StoreError> =>
  Layer.provide(SqlRunStore.layer, SqliteDriver.layer(options))

/** The database's name inside UniFlow's folder. */
export const FILENAME = "uniflow.db"

/** Whether a file is there, or cannot be looked for: then to open it tells why. */
const mayExist = (path: string): boolean => {
  try {
    statSync(path)
    return true
  } catch (cause) {
    return asFileError(cause).code !== "ENOENT"
  }
}

/** A `RunStore` in the folder in use. Both are made by the first write: to read what is not there makes nothing. */
export const layerDirectory: Layer.Layer<RunStore, never, UniflowDirectory> = Layer.effect(RunStore, Effect.gen(function*() {
  const { ensure, path, usable } = yield* UniflowDirectory
  const filename = join(path, FILENAME)
  // What this layer is provided with (the process's identity, fault points) holds for the store, whoever opens it.
  const provided = yield* Effect.context()
  return yield* storeMadeByWriting.make({
    name: filename,
    exists: () => mayExist(filename),
    usable,
    open: Effect.andThen(
      ensure,
      Effect.flatMap(Effect.scope, (scope) => Effect.provideContext(Layer.buildWithScope(layer({ filename }), scope), provided)).pipe(
        Effect.map((context) => Context.get(context, RunStore))
      )
    )
  })
}))
