/**
 * What stands in a store at one moment, with no process working on it: portraits of its runs, and its objects.
 */
import { cp, rm } from "node:fs/promises"
import { ArtifactStore, RunStore, Uniflow } from "@uniflow/core"
import { Effect, Stream } from "effect"
import type { CrashTarget } from "./CrashTarget.ts"
import * as RunPortrait from "./RunPortrait.ts"

export interface Observation {
  readonly runs: ReadonlyMap<string, RunPortrait.RunPortrait>
  /** Attempts of each run by their status. */
  readonly attempts: ReadonlyMap<string, ReadonlyArray<string>>
  /** Digests of everything in the artifact store. */
  readonly objects: ReadonlyArray<string>
  /** Those that no record refers to. */
  readonly unreferenced: ReadonlyArray<string>
  /** Values kept inside the run store that nothing refers to. */
  readonly freeBlobs: number
}

const observe = Effect.gen(function*() {
  const store = yield* RunStore
  const artifacts = yield* ArtifactStore
  const found = yield* store.runs({ limit: 1000 })
  const runs = new Map<string, RunPortrait.RunPortrait>()
  const attempts = new Map<string, ReadonlyArray<string>>()
  for (const { id } of found.toReversed()) {
    const portrait = yield* RunPortrait.take(id)
    if (portrait !== undefined) runs.set(id, portrait)
    attempts.set(id, (yield* store.attempts(id)).map(({ status }) => status))
  }
  const objects = (yield* Stream.runCollect(artifacts.list)).map(({ digest }) => digest).sort()
  const { count } = yield* store.collectBlobs({ refreshedBeforeMs: Number.MAX_SAFE_INTEGER, dryRun: true })
  return { runs, attempts, objects, unreferenced: yield* store.unreferenced(objects), freeBlobs: count } satisfies Observation
})

/** Looks at a place; at a copy of it, `copy`, where the target is all in its folder. Rejects when it cannot be read. */
export const take = async (target: CrashTarget, place: string, copy: string): Promise<Observation> => {
  const copied = target.inFolder !== false
  if (copied) await cp(place, copy, { recursive: true })
  const uniflow = Uniflow.make(target.layer(copied ? copy : place))
  try {
    return await uniflow.runPromise(observe)
  } finally {
    await uniflow.close()
    if (copied) await rm(copy, { recursive: true, force: true })
  }
}
