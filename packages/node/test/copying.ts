import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ArtifactStore, type ArtifactStoreService, INLINE_BYTES, type NewRun, type RunBundle, RunStore, type RunStoreService, settled } from "@uniflow/core"
import * as Arbitrary from "@uniflow/testkit/arbitraries"
import { Context, Effect, Layer, type Scope } from "effect"
import * as fc from "fast-check"
import { CopyPlace, FileArtifactStore, SqliteRunStore } from "../src/index.ts"

/** A folder that is gone with its scope. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "uniflow-copy-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

export interface Store {
  readonly runs: RunStoreService
  readonly artifacts: ArtifactStoreService
  readonly place: CopyPlace.CopySource & CopyPlace.CopyTarget
}

/** A store in a folder. */
export const storeIn = Effect.fnUntraced(function*(directory: string): Effect.fn.Return<Store, unknown, Scope.Scope> {
  const layer = Layer.mergeAll(SqliteRunStore.layer({ filename: join(directory, "uniflow.db"), heartbeatThread: false }), FileArtifactStore.layerFolder({ directory }))
  const context = yield* Layer.build(Layer.fresh(layer))
  const runs = Context.get(context, RunStore)
  const artifacts = Context.get(context, ArtifactStore)
  return { runs, artifacts, place: CopyPlace.store(directory, runs, artifacts) }
})

/** A store in a folder of its own. */
export const store: Effect.Effect<Store, unknown, Scope.Scope> = Effect.flatMap(folder, storeIn)

export const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

const listOf = <A>(make: (n: number) => fc.Arbitrary<A>, maxLength = 4): fc.Arbitrary<ReadonlyArray<A>> =>
  fc.integer({ min: 0, max: maxLength }).chain((length) => fc.tuple(...Array.from({ length }, (_, n) => make(n + 1))))

/** Any run with any records, as a copy stands, and the bytes of some of its outputs. */
export const bundle = (id: string): fc.Arbitrary<{ readonly bundle: RunBundle; readonly objects: ReadonlyArray<Uint8Array> }> =>
  fc.record({
    made: Arbitrary.newRun(id),
    status: fc.constantFrom("completed", "failed", "interrupted", "crashed", "pending"),
    note: fc.option(Arbitrary.text, { nil: null }),
    error: fc.option(Arbitrary.storedError, { nil: null }),
    environments: fc.array(Arbitrary.environment, { minLength: 1, maxLength: 3 }),
    steps: listOf((seq) => Arbitrary.stepRecord(id, seq)),
    active: fc.uniqueArray(Arbitrary.activeStep(id), { maxLength: 2, selector: ({ address }) => address }),
    checkpoints: fc.uniqueArray(Arbitrary.checkpointRecord(id), { maxLength: 3, selector: ({ address, name }) => JSON.stringify([address, name]) }),
    artifacts: fc.uniqueArray(Arbitrary.artifactRecord(id), { maxLength: 3, selector: ({ address, name }) => JSON.stringify([address, name]) }),
    series: fc.uniqueArray(
      fc.record({ address: Arbitrary.name, generation: fc.nat(3), key: Arbitrary.name, summary: Arbitrary.summary, chunks: listOf((n) => Arbitrary.chunkRecord(n - 1), 3) }, { noNullPrototype: true }),
      { maxLength: 3, selector: ({ address, key }) => JSON.stringify([address, key]) }
    ),
    logs: listOf((seq) => Arbitrary.logRecord(id, seq)),
    objects: fc.array(fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ minLength: 10, maxLength: 20 }).map((seed) => new Uint8Array(INLINE_BYTES + 1000).fill(seed[0]!))), { maxLength: 4 })
  }).map(({ active, artifacts, checkpoints, environments, error, logs, made, note, objects, series, status, steps }) => {
    const refer = <A extends { readonly digest: string; readonly sizeBytes: number }>(output: A, n: number): A => {
      const bytes = objects[n % Math.max(1, objects.length)]
      return bytes === undefined ? output : { ...output, digest: digestOf(bytes), sizeBytes: bytes.length }
    }
    const parts: RunBundle = {
      ...settled({
        run: {
          ...(made as NewRun), status, note, error, failedStep: null, startedAtMs: made.createdAtMs, endedAtMs: 1, attempts: environments.length, crashes: 0,
          token: 0, holder: null, heartbeat: 0, heartbeatMonotonicMs: 0, leaseMs: 0, cancelRequested: false, revision: 0
        },
        attempts: environments.map((environment, n) => ({ runId: id, attempt: n + 1, status, startedAtMs: n, endedAtMs: n + 1, environment, error }))
      }),
      steps: steps.map((step, n) => ({ ...step, output: step.output === null ? null : refer(step.output, n) })),
      active: active.filter(({ address }) => steps.every((step) => step.address !== address)),
      checkpoints: checkpoints.map((record, n) => ({ ...record, output: refer(record.output, n) })),
      artifacts: artifacts.map(refer),
      series,
      logs
    }
    return { bundle: parts, objects }
  })

/** Puts a run into a store as if it had been made there. */
export const fill = Effect.fnUntraced(function*({ artifacts, runs }: Pick<Store, "runs" | "artifacts">, made: { readonly bundle: RunBundle; readonly objects: ReadonlyArray<Uint8Array> }) {
  const blobs = made.objects.filter(({ length }) => length <= INLINE_BYTES).map((bytes) => ({ digest: digestOf(bytes), bytes }))
  for (const bytes of made.objects) {
    if (bytes.length > INLINE_BYTES) yield* artifacts.put({ _tag: "Bytes", bytes: { segments: [bytes], sizeBytes: bytes.length } })
  }
  yield* runs.restore(made.bundle, blobs)
})
