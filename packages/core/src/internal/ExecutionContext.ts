import { Clock, Context, Effect, Random } from "effect"
import { CurrentRun } from "../CurrentRun.ts"
import { PipelineCheckpoint } from "../PipelineCheckpoint.ts"
import type { RandomStream } from "../RandomStream.ts"
import type { LogLevel } from "../RunRecord.ts"
import type { StepClock } from "../StepClock.ts"
import type { Checkpoints, StepArtifacts, StepContext, StepLog, StepMetrics } from "../StepContext.ts"
import { Tracker } from "../Tracker.ts"
import { InvalidInput } from "../UniflowError.ts"
import type { EffectBridge } from "./EffectBridge.ts"
import type { RunSession } from "./RunSession.ts"
import type { StepExecution } from "./StepExecution.ts"

/** The signal of an execution; made when somebody wants it. */
export class StepSignal {
  private controller: AbortController | undefined
  private aborted = false

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController()
      if (this.aborted) this.controller.abort()
    }
    return this.controller.signal
  }

  abort(): void {
    this.aborted = true
    this.controller?.abort()
  }
}

interface Parts {
  readonly session: RunSession
  readonly execution: StepExecution
  readonly signal: StepSignal
  readonly bridge: EffectBridge
  readonly inputs: Record<string, unknown>
  readonly params: Record<string, unknown>
  readonly address: string
  readonly item: { readonly value: unknown } | undefined
  readonly idempotencyKey: () => string
  readonly progress: (done: number, total: number | undefined, message: string | undefined) => void
}

/**
 * What a step's function is given. Its parts are made when they are asked for: most steps want few of them, and a
 * step should cost little more than its record.
 */
export class ExecutionContext implements StepContext {
  readonly inputs: Record<string, unknown>
  readonly params: Record<string, unknown>
  readonly item: unknown
  readonly runId: string
  readonly step: string
  readonly attempt: number
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.inputs = parts.inputs
    this.params = parts.params
    this.item = parts.item?.value
    this.runId = parts.session.runId
    this.step = parts.address
    this.attempt = parts.session.attempt
    this.#parts = parts
  }

  get signal(): AbortSignal {
    return this.#parts.signal.signal
  }

  get random(): RandomStream {
    return this.#parts.execution.random
  }

  get clock(): StepClock {
    const { execution } = this.#parts
    return { now: () => execution.clock.now() }
  }

  get idempotencyKey(): string {
    return this.#parts.idempotencyKey()
  }

  get checkpoint(): Checkpoints {
    const { checkpoint } = this.#parts.execution
    return {
      save: (name: string, value: unknown) => this.#promise("checkpoint.save", checkpoint.save(name, value)),
      load: <T>(name: string) => this.#promise("checkpoint.load", checkpoint.load<T>(name)),
      latest: <T>(name: string) => this.#promise("checkpoint.latest", checkpoint.latest<T>(name)),
      exists: (name) => this.#promise("checkpoint.exists", checkpoint.exists(name)),
      list: (name) => this.#promise("checkpoint.list", checkpoint.list(name)),
      remove: (name) => this.#promise("checkpoint.remove", checkpoint.remove(name))
    }
  }

  /** Once the run is over nothing is left that could run an Effect. */
  #promise<A, E>(what: string, effect: Effect.Effect<A, E>): Promise<A> {
    const { bridge, execution } = this.#parts
    return execution.isClosed ? Promise.reject(execution.ended(what)) : bridge.run(effect)
  }

  get metrics(): StepMetrics {
    const { execution } = this.#parts
    return { log: (values, options) => execution.log(values, options?.index) }
  }

  get artifacts(): StepArtifacts {
    const { execution } = this.#parts
    return { put: (name, content, options) => this.#promise("artifacts.put", execution.put(name, content, options?.mediaType)) }
  }

  get log(): StepLog {
    const { execution } = this.#parts
    const line = (level: LogLevel) => (message: string): void => execution.line(level, message)
    return Object.assign(line("info"), { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") })
  }

  get progress(): StepContext["progress"] {
    const { execution, progress } = this.#parts
    return (done, total, message) => {
      if (!execution.isClosed) progress(done, total, message)
    }
  }
}

/** What the time is, is the step's; sleeping, measuring and tracing are the machine's. */
const clockOf = (machine: Clock.Clock, execution: StepExecution): Clock.Clock => ({
  currentTimeMillisUnsafe: () => execution.clock.now(),
  currentTimeMillis: Effect.sync(() => execution.clock.now()),
  currentTimeNanosUnsafe: () => machine.currentTimeNanosUnsafe(),
  currentTimeNanos: machine.currentTimeNanos,
  monotonicTimeNanosUnsafe: () => machine.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: machine.monotonicTimeNanos,
  sleep: (duration) => machine.sleep(duration)
})

/** The services that a step's Effect may use, and its random numbers. */
export const services = ({ session, execution, signal, address, idempotencyKey, progress }: Parts): Context.Context<CurrentRun | PipelineCheckpoint | Tracker> =>
  Context.make(CurrentRun, {
    runId: session.runId,
    pipeline: session.pipeline,
    experiment: session.experiment,
    step: address,
    attempt: session.attempt,
    seed: session.seed,
    idempotencyKey: idempotencyKey(),
    signal: signal.signal
  }).pipe(
    Context.add(PipelineCheckpoint, execution.checkpoint),
    Context.add(Tracker, {
      metrics: (values, options) =>
        Effect.try({
          try: () => execution.log(values, options?.index),
          catch: (error) => error instanceof InvalidInput ? error : new InvalidInput({ what: "metrics", issue: String(error) })
        }),
      log: (message, level) => Effect.sync(() => execution.line(level ?? "info", message)),
      artifact: (name, content, options) => execution.put(name, content, options?.mediaType),
      progress: (done, total, message) => Effect.sync(() => {
        if (!execution.isClosed) progress(done, total, message)
      })
    }),
    Context.add(Clock.Clock, clockOf(session.clock, execution)),
    Context.add(Random.Random, {
      nextDoubleUnsafe: () => execution.random.next(),
      nextIntUnsafe: () => execution.random.int(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    })
  )
