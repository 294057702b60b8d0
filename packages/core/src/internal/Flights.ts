import { Deferred, Effect, Exit } from "effect"
import * as Lease from "../Lease.ts"
import type { RunRecord } from "../RunRecord.ts"
import type { StoreError } from "../UniflowError.ts"
import type { RunSession } from "./RunSession.ts"

/** Something that other runs may want, too. */
export interface Flight<A, E, R> {
  /** The same for all who want the same, as far as is known by now. */
  readonly key: () => string
  readonly address: string
  readonly session: RunSession
  readonly work: Effect.Effect<A, E, R>
  /** Waits until the run may begin something, and lets it: nothing is taken before, and whoever waits for another run holds nothing. */
  readonly permitted: (effect: Effect.Effect<A | undefined, E | StoreError, R>) => Effect.Effect<A | undefined, E | StoreError, R>
  /** What another run made of it, if one did. */
  readonly take: Effect.Effect<A | undefined, E, R>
  /** Whether the run begins nothing any more. */
  readonly stopping: () => boolean
}

/**
 * What is being executed and other runs may take: whoever wants the same waits for it instead of executing it, too. Runs of
 * this process wait for each other here, those of other processes through the store. Whoever executes waits for nobody, so
 * no two wait for each other.
 */
export class Flights {
  private readonly under = new Map<string, Deferred.Deferred<void>>()

  /** Does the work, unless the same is under way: then takes what comes of it. */
  alone<A, E, R>(flight: Flight<A, E, R>): Effect.Effect<A, E | StoreError, R> {
    return Effect.uninterruptibleMask((restore): Effect.Effect<A, E | StoreError, R> => {
      const key = flight.key()
      const under = this.under.get(key)
      // What failed left nothing to take: one of those that waited does it, and the others wait for that.
      if (under !== undefined) {
        const taken = Effect.andThen(Deferred.await(under), flight.take)
        return restore(Effect.flatMap(taken, (taken): Effect.Effect<A, E | StoreError, R> => (taken === undefined ? this.alone(flight) : Effect.succeed(taken))))
      }
      const landed = Deferred.makeUnsafe<void>()
      this.under.set(key, landed)
      return Effect.ensuring(restore(fly(flight)), Effect.sync(() => {
        this.under.delete(key)
        Deferred.doneUnsafe(landed, Exit.void)
      }))
    })
  }
}

/** The same among processes. Where the work records an outcome the flight ends with it, else here. */
const fly = <A, E, R>({ address, key, permitted, session, stopping, take, work }: Flight<A, E, R>): Effect.Effect<A, E | StoreError, R> =>
  Effect.gen(function*() {
    let gone: RunRecord | undefined
    for (;;) {
      const wanted = key()
      const token = gone?.token
      const done = yield* permitted(Effect.flatMap(session.takeFlight(address, wanted, token), (taken) =>
        // Whoever had it may have recorded it since it was looked for.
        taken ? Effect.flatMap(take, (record) => (record === undefined ? work : Effect.succeed(record))) : Effect.succeed(undefined)))
      if (done !== undefined) return done
      gone = yield* Lease.untilLetGo(Effect.suspend(() => (stopping() ? Effect.interrupt : session.store.flight(wanted))))
      const record = yield* take
      if (record !== undefined) return record
    }
  }).pipe(Effect.ensuring(session.endFlight(address)))
