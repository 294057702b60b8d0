import { type Context, Effect } from "effect"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { expect } from "vitest"

/** Lets everything that is ready, input and output included, take its turn. */
export const turn: Effect.Effect<void> = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 0)))

/** Fails the test unless the effect fails, and gives the error. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.match(effect, {
    onFailure: (error) => error,
    onSuccess: (value) => expect.fail(`expected a failure, got ${JSON.stringify(value)}`)
  })

/** Runs a property whose cases are effects, one after the other, under the services and the clock of the test. */
export const property = <A, R>(arbitrary: fc.Arbitrary<A>, cases: number, body: (value: A) => Effect.Effect<void, unknown, R>): Effect.Effect<void, never, R> =>
  Effect.contextWith((context: Context.Context<R>) =>
    Effect.promise((signal) =>
      fc.assert(
        fc.asyncProperty(arbitrary, (value) => Effect.runPromiseWith(context)(body(value), { signal })),
        { numRuns: cases, endOnFailure: true }
      )
    )
  )

/** Equal to the last bit, and of the same own keys; `expect` is misled by keys such as `constructor` and `__proto__`. */
export const expectEqual = <A>(actual: A, expected: NoInfer<A>): void => assert.deepStrictEqual(actual, expected)
