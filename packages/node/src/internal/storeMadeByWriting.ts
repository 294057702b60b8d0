/**
 * A run store that is made by the first write: whoever only reads leaves nothing behind.
 *
 * Until the store is there, reads answer as an empty one does. It is opened by the first read that finds it there,
 * whoever made it, and at the latest by the first write; an opening that failed is tried again by the next call.
 */
import { MemoryRunStore, RunNotFound, type RunStoreService, StoreError } from "@uniflow/core"
import { Effect, Exit, Scope, Semaphore } from "effect"

export interface MadeByWriting {
  /** Names it in messages. */
  readonly name: string
  readonly exists: () => boolean
  /** Fails where it could not be made, or would not last. */
  readonly usable: Effect.Effect<void, StoreError>
  /** Opens it, and makes it where there is none. */
  readonly open: Effect.Effect<RunStoreService, StoreError, Scope.Scope>
}

/** The store; what `open` gave is let go of when the scope closes. */
export const make = Effect.fnUntraced(function*({ exists, name, open, usable }: MadeByWriting): Effect.fn.Return<RunStoreService, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const empty = yield* MemoryRunStore.make
  const gate = Semaphore.makeUnsafe(1)
  let opened: RunStoreService | undefined

  const opening = gate.withPermit(Effect.suspend(() => {
    if (opened !== undefined) return Effect.succeed(opened)
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.fork(scope), (own) =>
        restore(Scope.provide(open, own)).pipe(
          Effect.tap((store) => Effect.sync(() => void (opened = store))),
          // What was opened on the way to a failure is not kept.
          Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(own, exit))
        ))
    )
  }))

  const writing = <A, E, R>(use: (store: RunStoreService) => Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreError, R> =>
    opened === undefined ? Effect.flatMap(opening, use) : use(opened)
  const reading = <A, E, R>(use: (store: RunStoreService) => Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreError, R> =>
    opened === undefined ? Effect.suspend(() => exists() ? writing(use) : use(empty)) : use(opened)

  return {
    isMade: () => opened !== undefined || exists(),
    usable: Effect.andThen(usable, Effect.suspend(() =>
      opened !== undefined && !exists()
        ? Effect.fail(new StoreError({ reason: "Unavailable", what: `${name} was moved or deleted while it was in use. Begin anew` }))
        : reading((store) => Effect.asVoid(store.runs({ limit: 1 })))
    )),
    identity: Effect.suspend(() => writing((store) => store.identity)),
    claim: (request) =>
      request.create === undefined && opened === undefined
        ? Effect.suspend(() => exists() ? writing((store) => store.claim(request)) : Effect.fail(new RunNotFound({ runId: request.runId })))
        : writing((store) => store.claim(request)),
    commit: (writer, changes) => writing((store) => store.commit(writer, changes)),
    takeFlight: (writer, key, gone) => writing((store) => store.takeFlight(writer, key, gone)),
    exclusively: (effect) => writing((store) => store.exclusively(effect)),
    restore: (bundle, blobs) => writing((store) => store.restore(bundle, blobs)),
    // Without a run these change nothing.
    annotate: (runId, annotations) => reading((store) => store.annotate(runId, annotations)),
    remove: (runId) => reading((store) => store.remove(runId)),
    collectBlobs: (options) => reading((store) => store.collectBlobs(options)),
    run: (runId) => reading((store) => store.run(runId)),
    runs: (query) => reading((store) => store.runs(query)),
    find: (query) => reading((store) => store.find(query)),
    experiments: reading((store) => store.experiments),
    attempts: (runId) => reading((store) => store.attempts(runId)),
    steps: (runId, after) => reading((store) => store.steps(runId, after)),
    active: (runId) => reading((store) => store.active(runId)),
    series: (runId) => reading((store) => store.series(runId)),
    chunks: (series, fromChunk) => reading((store) => store.chunks(series, fromChunk)),
    checkpoints: (runId, address) => reading((store) => store.checkpoints(runId, address)),
    artifacts: (runId) => reading((store) => store.artifacts(runId)),
    logs: (runId, options) => reading((store) => store.logs(runId, options)),
    blob: (digest) => reading((store) => store.blob(digest)),
    blobNow: (digest) => {
      if (opened !== undefined) return opened.blobNow!(digest)
      if (exists()) throw new StoreError({ reason: "Unavailable", what: `${name} is not open yet` })
      return undefined
    },
    lookup: (step, fingerprint) => reading((store) => store.lookup(step, fingerprint)),
    flight: (key) => reading((store) => store.flight(key)),
    changes: (cursor) => reading((store) => store.changes(cursor)),
    unreferenced: (digests) => reading((store) => store.unreferenced(digests))
  }
})
