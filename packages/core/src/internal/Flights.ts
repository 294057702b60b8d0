import { Deferred, Effect, Exit } from "effect"

/**
 * What is being executed in this process and other runs may take: whoever wants the same waits for it instead of
 * executing it, too.
 */
export class Flights {
  private readonly under = new Map<string, Deferred.Deferred<void>>()

  /** Takes what is there, once nothing of the same is under way; does the work where nothing is. */
  alone<A, E, R>(key: string, work: Effect.Effect<A, E, R>, take: Effect.Effect<A | undefined, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) => {
      const under = this.under.get(key)
      // What failed left nothing to take: the first of those that waited does it, and the others wait for that.
      if (under !== undefined) return restore(Effect.andThen(Deferred.await(under), this.alone(key, work, take)))
      const flight = Deferred.makeUnsafe<void>()
      this.under.set(key, flight)
      const taken = Effect.flatMap(take, (taken) => (taken === undefined ? work : Effect.succeed(taken)))
      return Effect.ensuring(restore(taken), Effect.sync(() => {
        this.under.delete(key)
        Deferred.doneUnsafe(flight, Exit.void)
      }))
    })
  }
}
