import { Cause, Deferred, Effect, Exit, Queue, type Scope } from "effect"
import type { Change, RunStoreService, Writer } from "../RunStore.ts"
import type { StoreError } from "../UniflowError.ts"

interface Waiting {
  readonly changes: ReadonlyArray<Change>
  readonly done: Deferred.Deferred<void, StoreError>
}

/** What a run has to record, in order: whatever waits while a commit is under way is committed together next. */
export interface Outbox {
  /** Records changes durably, after everything submitted before them. */
  readonly submit: (changes: ReadonlyArray<Change>) => Effect.Effect<void, StoreError>
}

/** An outbox whose one writer lives until the scope closes. */
export const make = Effect.fnUntraced(function*(
  store: RunStoreService,
  writer: Writer
): Effect.fn.Return<Outbox, never, Scope.Scope> {
  const queue = yield* Queue.unbounded<Waiting>()
  const settle = (waiting: ReadonlyArray<Waiting>, exit: Exit.Exit<void, StoreError>): void => {
    for (const { done } of waiting) Deferred.doneUnsafe(done, exit)
  }
  const commit = (waiting: ReadonlyArray<Waiting>): Effect.Effect<void> =>
    Effect.exit(store.commit(writer, waiting.flatMap(({ changes }) => changes))).pipe(
      Effect.flatMap((exit) => {
        // Together they failed: one by one, so that only what cannot be recorded fails.
        if (Exit.isFailure(exit) && waiting.length > 1 && !isLost(exit.cause)) {
          return Effect.forEach(waiting, (one) => commit([one]), { discard: true })
        }
        settle(waiting, exit)
        return Effect.void
      })
    )
  yield* Effect.forkScoped(Effect.forever(Effect.flatMap(Queue.takeAll(queue), (waiting) => Effect.uninterruptible(commit(waiting)))))
  return {
    submit: (changes) =>
      Effect.suspend(() => {
        const done = Deferred.makeUnsafe<void, StoreError>()
        Queue.offerUnsafe(queue, { changes, done })
        return Deferred.await(done)
      })
  }
})

const isLost = (cause: Cause.Cause<StoreError>): boolean =>
  cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error.reason === "LeaseLost")
