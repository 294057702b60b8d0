/**
 * The code versions that steps get on Node: deep ones, with stamps and findings kept in the folder in use.
 */
import { join } from "node:path"
import { DeepCodeVersion } from "@uniflow/code"
import { Effect, Layer } from "effect"
import { UniflowDirectory } from "./UniflowDirectory.ts"

/** Replaces core's code version, which knows nothing without an explicit `version`. */
export const layer: Layer.Layer<never, never, UniflowDirectory> = Layer.unwrap(
  Effect.map(UniflowDirectory, ({ path }) => DeepCodeVersion.layer({ cacheFile: join(path, "cache", "sources"), reachedFile: join(path, "cache", "code") }))
)
