/**
 * The contract of `RunStore`, as vitest tests: call `runStoreSuite` in the test file of an implementation.
 *
 * Each test makes a place of its own and opens one handle on it for each process that it plays; processes differ by
 * their `ProcessIdentity`, which is provided where a store is opened and wherever it is used. Time is a `TestClock`, so
 * nothing waits; what depends on a store's own clock or threads has a capability.
 */
import { RunStore, type RunStoreService } from "@uniflow/core"
import { Context, Effect, Layer, type Scope } from "effect"
import { describe } from "vitest"
import type { Capability } from "./Capability.ts"
import { promisedOf } from "./Capability.ts"
import { annotationPromises } from "./internal/runStoreAnnotations.ts"
import { blobPromises } from "./internal/runStoreBlobs.ts"
import { changePromises } from "./internal/runStoreChanges.ts"
import { claimPromises } from "./internal/runStoreClaims.ts"
import { fencePromises } from "./internal/runStoreFence.ts"
import { findPromises } from "./internal/runStoreFinding.ts"
import { flightPromises } from "./internal/runStoreFlights.ts"
import { readPromises } from "./internal/runStoreReads.ts"
import { restorePromises } from "./internal/runStoreRestores.ts"
import { roundTripPromises } from "./internal/runStoreRoundTrips.ts"

/** Where one store is kept: a folder, a database, a piece of memory. Empty when it is made, gone with its scope. */
export interface RunStorePlace {
  /** Opens the store as a process does; the handle closes with the scope. */
  readonly open: Effect.Effect<RunStoreService, unknown, Scope.Scope>
}

export interface RunStoreCapabilities {
  /** What was committed is there when all handles were closed and the place is opened again. */
  readonly durable: Capability
  /** Several handles may be open on one place at once. */
  readonly shared: Capability
  /** Kept blobs are dated by Effect's `Clock`. */
  readonly clock: Capability
  /** A lease is renewed by the Effect `Clock` that the claim was made under. */
  readonly renewal: Capability
}

export interface RunStoreSuiteOptions {
  /** Names the implementation in the report. */
  readonly name: string
  /** Makes an empty place; a layer is built once for each test and then has one handle. */
  readonly store: Effect.Effect<RunStorePlace, unknown, Scope.Scope> | Layer.Layer<RunStore, unknown>
  /** What the implementation cannot do, with the reason; everything by default can be done. */
  readonly capabilities?: Partial<RunStoreCapabilities>
  /** Cases of each property test, 40 by default. */
  readonly cases?: number
  /** Limit of one test, 60,000 by default. */
  readonly timeoutMs?: number
}

/** Registers the whole contract as a `describe` block. */
export const runStoreSuite = ({ capabilities, cases = 40, name, store, timeoutMs = 60_000 }: RunStoreSuiteOptions): void => {
  const can: RunStoreCapabilities = {
    durable: true,
    shared: Effect.isEffect(store) ? true : { not: "a layer gives one handle" },
    clock: true,
    renewal: true,
    ...capabilities
  }
  const place = Effect.isEffect(store)
    ? store
    : Effect.map(Layer.build(store), (context): RunStorePlace => ({ open: Effect.succeed(Context.get(context, RunStore)) }))
  const promised = promisedOf(place, timeoutMs)
  describe(`RunStore: ${name}`, () => {
    describe("claims", () => claimPromises(promised, can))
    describe("changes", () => changePromises(promised))
    describe("annotations and removal", () => annotationPromises(promised, can))
    describe("fence and atomicity", () => fencePromises(promised, can))
    describe("flights", () => flightPromises(promised, can))
    describe("reading", () => readPromises(promised, can, cases))
    describe("finding", () => findPromises(promised, cases))
    describe("blobs", () => blobPromises(promised, can))
    describe("runs that are copied", () => restorePromises(promised, cases))
    describe("records come back equal", () => roundTripPromises(promised, cases))
  })
}
