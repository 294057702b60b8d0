import { Cause, Deferred, Effect, Exit, Fiber, type Scope } from "effect"
import { inputsOf } from "../Pipeline.ts"
import type { StepRecord } from "../RunRecord.ts"
import type { Any as AnyStep } from "../Step.ts"

/** What a walk over the graph came to. */
export interface Walk<E> {
  readonly records: ReadonlyMap<AnyStep, StepRecord>
  /** The first failure, where there was one. */
  readonly failure: Cause.Cause<E> | undefined
}

/** Shared with whoever begins work, so that nothing new is begun after a failure. */
export interface Stop {
  requested: boolean
}

/**
 * Resolves every step once what it reads is resolved. After a failure nothing new is begun, and what runs is let
 * finish: its results are kept.
 */
export const walk = Effect.fnUntraced(function*<E, R>(
  steps: ReadonlyArray<AnyStep>,
  resolve: (step: AnyStep, records: ReadonlyMap<AnyStep, StepRecord>) => Effect.Effect<StepRecord, E, R>,
  stop: Stop
): Effect.fn.Return<Walk<E>, never, R | Scope.Scope> {
  const records = new Map<AnyStep, StepRecord>()
  const waitsFor = new Map<AnyStep, number>()
  const readers = new Map<AnyStep, Array<AnyStep>>()
  for (const step of steps) {
    const inputs = new Set(inputsOf(step).map(([, input]) => input))
    waitsFor.set(step, inputs.size)
    for (const input of inputs) {
      const known = readers.get(input)
      if (known === undefined) readers.set(input, [step])
      else known.push(step)
    }
  }
  // Not children of each other: the one that makes a step ready ends before it.
  const scope = yield* Effect.scope
  const done = Deferred.makeUnsafe<void>()
  let failure: Cause.Cause<E> | undefined
  let running = 0
  const fibers = new Set<Fiber.Fiber<void>>()
  const begin = (step: AnyStep): Effect.Effect<void, never, R> => {
    running++
    const work = Effect.flatMap(Effect.exit(resolve(step, records)), (exit) => {
      if (Exit.isSuccess(exit)) records.set(step, exit.value)
      else if (failure === undefined || (Cause.hasInterruptsOnly(failure) && !Cause.hasInterruptsOnly(exit.cause))) {
        failure = exit.cause
        stop.requested = true
      }
      const ready = Exit.isSuccess(exit) && !stop.requested
        ? (readers.get(step) ?? []).filter((reader) => {
          const left = waitsFor.get(reader)! - 1
          waitsFor.set(reader, left)
          return left === 0
        })
        : []
      return Effect.forEach(ready, begin, { discard: true }).pipe(
        Effect.andThen(Effect.sync(() => {
          running--
          if (running === 0) Deferred.doneUnsafe(done, Exit.void)
        }))
      )
    })
    return Effect.map(Effect.forkIn(work, scope), (fiber) => {
      fibers.add(fiber)
      fiber.addObserver(() => fibers.delete(fiber))
    })
  }
  const roots = steps.filter((step) => waitsFor.get(step) === 0)
  yield* Effect.onInterrupt(
    Effect.andThen(Effect.forEach(roots, begin, { discard: true }), Deferred.await(done)),
    () => Fiber.interruptAll(fibers)
  )
  return { records, failure }
})
