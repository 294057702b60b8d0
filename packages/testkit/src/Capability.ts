/**
 * What an implementation can do, as its suite is told: `true`, or why it cannot.
 *
 * A test that needs what cannot be done is not left out in silence: it is registered as skipped, under a name that
 * carries the reason.
 */
import { Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { test } from "vitest"

export type Capability = true | { readonly not: string }

/** Registers a test of one promise; its time is a `TestClock`. `needs`: what the implementation must be able to do. */
export type Promised<Subject> = (
  promise: string,
  body: (subject: Subject) => Effect.Effect<void, unknown, Scope.Scope>,
  ...needs: ReadonlyArray<Capability>
) => void

/** Tests that each get a subject of their own, closed after the test. */
export const promisedOf = <Subject>(make: Effect.Effect<Subject, unknown, Scope.Scope>, timeoutMs: number): Promised<Subject> =>
(promise, body, ...needs) => {
  const missing = needs.flatMap((capability) => capability === true ? [] : [capability.not])
  if (missing.length > 0) test.skip(`${promise} (not here: ${missing.join("; ")})`, () => {})
  else {
    test(promise, ({ signal }) =>
      Effect.runPromise(Effect.scoped(Effect.flatMap(make, body)).pipe(Effect.provide(TestClock.layer())), { signal }), timeoutMs)
  }
}
