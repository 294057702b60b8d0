import { Effect, Exit } from "effect"

/** The exit that an effect is, where it has succeeded already. */
export const known = <A, E, R>(effect: Effect.Effect<A, E, R>): Exit.Success<A> | undefined =>
  Exit.isExit(effect) && Exit.isSuccess(effect) ? effect as Exit.Success<A> : undefined

/**
 * `Effect.flatMap` that goes on at once where the value is known already, which on the way from one step to the next
 * it mostly is. What `next` throws is thrown then: use it inside an Effect.
 */
export const chain = <A, E, R, B, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  next: (value: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> => {
  const exit = known(effect)
  return exit === undefined ? Effect.flatMap(effect, next) : next(exit.value)
}
