import { type Context, Cause, Effect, Exit, Fiber } from "effect"

/**
 * Runs Effects for steps' functions, as Promises, with the services of the attempt. What still runs when the attempt is
 * over is interrupted.
 */
export class EffectBridge {
  private readonly fork: ReturnType<typeof Effect.runForkWith<never>>
  private readonly fibers = new Set<Fiber.Fiber<unknown, unknown>>()

  constructor(context: Context.Context<never>) {
    this.fork = Effect.runForkWith(context)
  }

  run<A, E>(effect: Effect.Effect<A, E>): Promise<A> {
    const fiber = this.fork(effect)
    this.fibers.add(fiber)
    return new Promise((resolve, reject) => {
      fiber.addObserver((exit) => {
        this.fibers.delete(fiber)
        if (Exit.isSuccess(exit)) resolve(exit.value)
        else reject(Cause.squash(exit.cause))
      })
    })
  }

  /** Interrupts what still runs, and waits for it. */
  get close(): Effect.Effect<void> {
    return this.fibers.size === 0 ? Effect.void : Fiber.interruptAll(this.fibers)
  }
}
