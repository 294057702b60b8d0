/**
 * The contract of `ArtifactStore`, as vitest tests: call `artifactStoreSuite` in the test file of an implementation.
 *
 * Each test makes a place of its own. Time is a `TestClock`, so nothing waits. Bytes are damaged behind the store's
 * back by `corrupt`; a place that has none is damaged through `put`, which takes a given digest at its word.
 */
import { ArtifactStore, type ArtifactStoreService } from "@uniflow/core"
import { Context, Effect, Layer, type Scope } from "effect"
import { describe } from "vitest"
import type { Capability } from "./Capability.ts"
import { promisedOf } from "./Capability.ts"
import { objectPromises } from "./internal/artifactObjects.ts"
import { racePromises } from "./internal/artifactRaces.ts"
import { verificationPromises } from "./internal/artifactVerification.ts"

/** Where one store is kept. Empty when it is made, gone with its scope. */
export interface ArtifactStorePlace {
  /** Opens the store as a process does; the handle closes with the scope. */
  readonly open: Effect.Effect<ArtifactStoreService, unknown, Scope.Scope>
  /** Replaces the stored bytes of a digest without the store's knowledge. */
  readonly corrupt?: (digest: string, mutate: (bytes: Uint8Array) => Uint8Array) => Effect.Effect<void, unknown>
}

export interface ArtifactStoreCapabilities {
  /** What was put is there when all handles were closed and the place is opened again. */
  readonly durable: Capability
  /** Several handles may be open on one place at once. */
  readonly shared: Capability
  /** Objects are dated by Effect's `Clock`. */
  readonly clock: Capability
  /** An artifact may be put from a file of this machine. */
  readonly files: Capability
}

export interface ArtifactStoreSuiteOptions {
  /** Names the implementation in the report. */
  readonly name: string
  /** Makes an empty place; a layer is built once for each test and then has one handle. */
  readonly store: Effect.Effect<ArtifactStorePlace, unknown, Scope.Scope> | Layer.Layer<ArtifactStore, unknown>
  /** What the implementation cannot do, with the reason; everything by default can be done. */
  readonly capabilities?: Partial<ArtifactStoreCapabilities>
  /** Cases of each property test, 40 by default. */
  readonly cases?: number
  /** Size of the objects that do not fit into one piece, 24 MiB by default. */
  readonly largeBytes?: number
  /** Limit of one test, 60,000 by default. */
  readonly timeoutMs?: number
}

/** Registers the whole contract as a `describe` block. */
export const artifactStoreSuite = (options: ArtifactStoreSuiteOptions): void => {
  const { capabilities, cases = 40, largeBytes = 24 * 1024 * 1024, name, store, timeoutMs = 60_000 } = options
  const can: ArtifactStoreCapabilities = {
    durable: true,
    shared: Effect.isEffect(store) ? true : { not: "a layer gives one handle" },
    clock: true,
    files: true,
    ...capabilities
  }
  const place = Effect.isEffect(store)
    ? store
    : Effect.map(Layer.build(store), (context): ArtifactStorePlace => ({ open: Effect.succeed(Context.get(context, ArtifactStore)) }))
  const promised = promisedOf(place, timeoutMs)
  describe(`ArtifactStore: ${name}`, () => {
    describe("objects", () => objectPromises(promised, can, { cases, largeBytes }))
    describe("verification", () => verificationPromises(promised, can))
    describe("many at once", () => racePromises(promised, can))
  })
}
