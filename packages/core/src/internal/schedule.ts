import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
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
 * Resolves every step once what it reads is resolved, and tells whether it is alone: then nothing else is begun before it
 * is done. After a failure nothing new is begun, and what runs is let finish: its results are kept.
 */
export const walk = Effect.fnUntraced(function*<E, R>(
  steps: ReadonlyArray<AnyStep>,
  resolve: (step: AnyStep, records: ReadonlyMap<AnyStep, StepRecord>, isAlone: boolean) => Effect.Effect<StepRecord, E, R>,
  stop: Stop
): Effect.fn.Return<Walk<E>, never, R> {
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
  const done = Deferred.makeUnsafe<void>()
  let failure: Cause.Cause<E> | undefined
  let running = 0
  const fibers = new Set<Fiber.Fiber<void>>()
  /** Settles a step; what it made ready. */
  const settle = (step: AnyStep, exit: Exit.Exit<StepRecord, E>): ReadonlyArray<AnyStep> => {
    if (Exit.isSuccess(exit)) records.set(step, exit.value)
    else if (failure === undefined || (Cause.hasInterruptsOnly(failure) && !Cause.hasInterruptsOnly(exit.cause))) {
      failure = exit.cause
      stop.requested = true
    }
    if (Exit.isFailure(exit) || stop.requested) return []
    return (readers.get(step) ?? []).filter((reader) => {
      const left = waitsFor.get(reader)! - 1
      waitsFor.set(reader, left)
      return left === 0
    })
  }
  /** Resolves a step, and after it the one that it made ready, if nothing else is under way; else each gets a fiber, in turn. */
  const line = (first: AnyStep): Effect.Effect<void, never, R> => Effect.gen(function*() {
    for (let step: AnyStep | undefined = first; step !== undefined;) {
      const current: AnyStep = step
      const exit = yield* Effect.exit(Effect.suspend(() => resolve(current, records, running === 1)))
      const ready = settle(current, exit)
      step = ready.length === 1 && running === 1 ? ready[0] : undefined
      if (step === undefined) for (const reader of ready) yield* begin(reader)
    }
    running--
    if (running === 0) Deferred.doneUnsafe(done, Exit.void)
  })
  const begin = (step: AnyStep): Effect.Effect<void, never, R> => {
    running++
    // Not children of each other: the one that makes a step ready ends before it.
    return Effect.map(Effect.forkDetach(line(step)), (fiber) => {
      fibers.add(fiber)
      fiber.addObserver(() => fibers.delete(fiber))
    })
  }
  const roots = steps.filter((step) => waitsFor.get(step) === 0)
  // One that begins alone needs no fiber of its own.
  const alone = (step: AnyStep): Effect.Effect<void, never, R> => {
    running++
    return line(step)
  }
  const lines = roots.length === 1 ? alone(roots[0]!) : Effect.forEach(roots, begin, { discard: true })
  yield* Effect.onInterrupt(Effect.andThen(lines, Deferred.await(done)), () => Fiber.interruptAll(fibers))
  return { records, failure }
})
