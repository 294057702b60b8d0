/** Everything in one database: runs and artifacts. */
import type { ArtifactStore, RunStore, StoreError } from "@uniflow/core"
import { Layer } from "effect"
import * as PostgresArtifactStore from "./PostgresArtifactStore.ts"
import * as PostgresRunStore from "./PostgresRunStore.ts"

/** Both stores of a database. Building it fails with `StoreError`: `Unavailable`, `NotPermitted`, `NewerFormat`, … */
export const layer = (options: PostgresArtifactStore.PostgresArtifactOptions): Layer.Layer<RunStore | ArtifactStore, StoreError> =>
  Layer.mergeAll(PostgresRunStore.layer(options), PostgresArtifactStore.layer(options))
