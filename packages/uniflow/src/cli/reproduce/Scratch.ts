/**
 * The store in which a run is executed again: a folder of its own, with the run as it was begun and no outcome in it.
 *
 * It has the secret of the run's own store, so that secrets count as the same when they are the same, and a param that
 * is given again is refused when it is another. Outputs of steps that must not be executed again stand in it as if a
 * person had stated them.
 */
import { join } from "node:path"
import process from "node:process"
import { ArtifactStore, encodedOf, INLINE_BYTES, ProcessIdentity, type RunSnapshot, RunStore, type StepRecord, type StepState } from "@uniflow/core"
import type { ReproductionSide } from "@uniflow/compare"
import { SqliteRunStore } from "@uniflow/node"
import { Effect } from "effect"
import { open } from "../../Uniflow.ts"
import type { AnyUniflow } from "../Context.ts"
import { NotReproducible } from "./NotReproducible.ts"

const LEASE_MS = 15_000

/** Makes the store and opens it. */
export const openScratch = async (directory: string, original: AnyUniflow): Promise<AnyUniflow> => {
  const identity = Effect.flatMap(RunStore, (store) => store.identity)
  const { secret } = await original.runPromise(identity)
  const maker = await open<unknown>({ directory, handleSignals: false })
  await maker.runPromise(identity).finally(() => maker.close())
  // A static import would lose its "node:" in the build, and warn on Node 22; by now the store has loaded it.
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite")
  const database = new DatabaseSync(join(directory, SqliteRunStore.FILENAME))
  try {
    database.prepare("UPDATE meta SET value = ? WHERE name = 'secret'").run(Buffer.from(secret).toString("hex"))
  } finally {
    database.close()
  }
  return open<unknown>({ directory, handleSignals: false })
}

/** The bytes of outputs: of a map those of its items, too. */
const bytesOf = (side: ReproductionSide, states: ReadonlyArray<StepState>) =>
  Effect.forEach(states.flatMap(({ outcome }) => (outcome.output === null ? [] : [{ ref: outcome.output, step: outcome.step }])), ({ ref, step }) =>
    side.bytes(ref).pipe(
      Effect.map((bytes) => ({ digest: ref.digest, bytes })),
      Effect.mapError((why) => new NotReproducible(`Step ${step} runs at most once, and its recorded output cannot be given to the steps after it: ${why}. --allow-once executes it again.`))
    ))

/** Makes the run in the scratch store, with the outputs of the steps in `given`. */
export const seedRun = (scratch: AnyUniflow, side: ReproductionSide, given: ReadonlySet<string>): Promise<void> => {
  const { run, steps }: RunSnapshot = side.snapshot
  const states = steps.filter(({ step }) => given.has(step))
  return scratch.runPromise(Effect.gen(function*() {
    const store = yield* RunStore
    const artifacts = yield* ArtifactStore
    const identity = yield* ProcessIdentity
    const now = Date.now()
    const objects = yield* bytesOf(side, states)
    for (const { bytes, digest } of objects) if (bytes.length > INLINE_BYTES) yield* artifacts.put({ _tag: "Bytes", bytes: encodedOf(bytes), digest })
    yield* Effect.scoped(Effect.gen(function*() {
      const { experiment, goals, id, params, pipeline, seed, tags } = run
      const { attempt, token } = yield* store.claim({
        runId: id,
        create: { id, pipeline, experiment, params, seed, parent: null, tags, goals, createdAtMs: now },
        onlyNew: true,
        holder: { ...identity.self, sinceMs: now },
        environment: { runtime: "", platform: "", host: "", pid: 0, argv: [], packages: {} },
        leaseMs: LEASE_MS,
        startedAtMs: now
      })
      const stated = states.map(({ address, outcome, step }, at): StepRecord => ({
        ...outcome,
        runId: id,
        address,
        step,
        attempt,
        seq: at + 1,
        generation: 1,
        decision: "executed",
        reasons: [{ component: "resolved", new: "output", note: "given by uniflow reproduce, as it was recorded" }],
        fingerprint: "",
        components: null,
        cacheable: false,
        source: null
      }))
      yield* store.commit({ runId: id, token }, [
        ...objects.filter(({ bytes }) => bytes.length <= INLINE_BYTES).map(({ bytes, digest }) => ({ _tag: "BlobKept" as const, digest, bytes })),
        ...stated.map((record) => ({ _tag: "StepRecorded" as const, record })),
        { _tag: "AttemptEnded", attempt, status: "interrupted", endedAtMs: now, error: null, failedStep: null }
      ])
    }))
  }))
}
