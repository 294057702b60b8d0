import { type Context, Duration, Effect, Exit, Fiber, Option, Predicate } from "effect"
import { StepTimedOut } from "../UniflowError.ts"
import type { StepSignal } from "./ExecutionContext.ts"

/** How long work that was asked to stop may take to do so, in milliseconds. */
export const GRACE_MS = 5_000

/** Waits for a Promise; when interrupted aborts the signal and gives it a moment to settle. */
const awaited = (promise: PromiseLike<unknown>, signal: StepSignal): Effect.Effect<unknown> =>
  Effect.callback<unknown>((resume) => {
    const settled = Promise.resolve(promise)
    settled.then((value) => resume(Effect.succeed(value)), (error: unknown) => resume(Effect.die(error)))
    return Effect.suspend(() => {
      signal.abort()
      return Effect.promise(() => settled.then(() => {}, () => {})).pipe(Effect.interruptible, Effect.timeoutOption(GRACE_MS), Effect.asVoid)
    })
  })

/**
 * The one bridge from a step's function into Effect: it may return a value, a Promise or an Effect (which is given
 * `services`). An Effect's failure
 * stays one, typed; what is thrown or rejected has no type and becomes a defect.
 */
export const invoke = (
  f: () => unknown,
  signal: StepSignal,
  services: () => Context.Context<never>
): Effect.Effect<unknown, unknown, unknown> =>
  Effect.suspend((): Effect.Effect<unknown, unknown, unknown> => {
    let returned: unknown
    try {
      returned = f()
    } catch (error) {
      return Effect.die(error)
    }
    if (Effect.isEffect(returned)) {
      return Effect.onInterrupt(Effect.provideContext(returned, services()), () => Effect.sync(() => signal.abort()))
    }
    return Predicate.isPromiseLike(returned) ? awaited(returned, signal) : Effect.succeed(returned)
  })

/**
 * Fails with `StepTimedOut` when the work takes longer, by the clock that nobody sets. Work that does not stop when it is
 * told to is left alone after a moment; a result that comes too late is not used.
 */
export const timed = <A, R>(work: Effect.Effect<A, unknown, R>, step: string, timeoutMs: number | undefined): Effect.Effect<A, unknown, R> => {
  if (timeoutMs === undefined) return work
  return Effect.clockWith((clock) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const begun = clock.monotonicTimeNanosUnsafe()
        const fiber = yield* Effect.forkDetach(restore(work), { startImmediately: true })
        const exit = yield* restore(Effect.timeoutOption(Fiber.await(fiber), Duration.millis(timeoutMs))).pipe(Effect.onInterrupt(() => Fiber.interrupt(fiber)))
        if (Option.isNone(exit)) {
          fiber.interruptUnsafe()
          yield* Effect.timeoutOption(Effect.interruptible(Fiber.await(fiber)), GRACE_MS)
          return yield* new StepTimedOut({ step, timeoutMs })
        }
        const tookMs = Number(clock.monotonicTimeNanosUnsafe() - begun) / 1e6
        return tookMs > timeoutMs && Exit.isSuccess(exit.value)
          ? yield* new StepTimedOut({ step, timeoutMs, note: `It did not let go of the thread, so it could only be noticed after ${Math.round(tookMs)} ms.` })
          : yield* exit.value
      })))
}
