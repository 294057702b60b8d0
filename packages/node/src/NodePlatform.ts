/**
 * What core leaves to the platform, as Node gives it: hashing, files, processes, environment, code versions.
 */
import { Layer } from "effect"
import * as NodeCodeVersion from "./NodeCodeVersion.ts"
import * as NodeEnvironment from "./NodeEnvironment.ts"
import * as NodeHasher from "./NodeHasher.ts"
import * as NodeProcessIdentity from "./NodeProcessIdentity.ts"
import * as NodeSourceFiles from "./NodeSourceFiles.ts"
import * as NodeSpill from "./NodeSpill.ts"
import * as NodeStepAmbience from "./NodeStepAmbience.ts"
import type { UniflowDirectory } from "./UniflowDirectory.ts"

/** The platform's services for a folder. */
export const layer: Layer.Layer<never, never, UniflowDirectory> = Layer.mergeAll(
  NodeHasher.layer,
  NodeProcessIdentity.layer,
  NodeEnvironment.layer(),
  NodeStepAmbience.layer,
  NodeSourceFiles.layer,
  NodeSpill.layer,
  NodeCodeVersion.layer
)
