/** The run store in PostgreSQL: `SqlRunStore` over `PostgresDriver`. */
import type { RunStore, StoreError } from "@uniflow/core"
import { SqlRunStore } from "@uniflow/sql"
import { Layer } from "effect"
import * as PostgresDriver from "./PostgresDriver.ts"

/** A `RunStore` in a database. Building it fails with `StoreError`: `Unavailable`, `NotPermitted`, `NewerFormat`, … */
export const layer = (options: PostgresDriver.PostgresOptions): Layer.Layer<RunStore, StoreError> =>
  Layer.provide(SqlRunStore.layer, PostgresDriver.layer(options))
