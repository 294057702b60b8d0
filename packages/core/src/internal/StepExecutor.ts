import { Cause, Context, Duration, Effect, Exit, Result } from "effect"
import type { Reason } from "../Decision.ts"
import * as Fingerprint from "../Fingerprint.ts"
import type { ActiveStep, FingerprintComponents, LogLevel, OutputRef, StepRecord } from "../RunRecord.ts"
import type { Any as AnyStep, Retry } from "../Step.ts"
import type { StepAmbienceService } from "../StepAmbience.ts"
import {
  CheckpointMisuse,
  CorruptArtifact,
  OutcomeUnknown,
  type RunInterrupted,
  StepFailed,
  StepTimedOut,
  StoreError,
  type StrictMismatch,
  UnsavableValue
} from "../UniflowError.ts"
import { chain, known } from "./chain.ts"
import { define } from "./components.ts"
import type { EffectBridge } from "./EffectBridge.ts"
import { ExecutionContext, services, StepSignal } from "./ExecutionContext.ts"
import { invoke, timed } from "./invoke.ts"
import { loadOutput } from "./manifest.ts"
import type { Wanted } from "./matching.ts"
import type { Parent } from "./Parent.ts"
import type { Outcome, RunSession } from "./RunSession.ts"
import { StepExecution } from "./StepExecution.ts"
import { storedError } from "./storedError.ts"
import { recording } from "./TrackingBuffer.ts"

/** A saved output turned out to be damaged when a later step wanted it: its step has to be resolved again. */
export class Damaged {
  readonly _tag = "Damaged"
  readonly error: CorruptArtifact
  constructor(error: CorruptArtifact) {
    this.error = error
  }
}

/** What resolving a step can end in. */
export type StepError =
  | StepFailed<unknown>
  | StepTimedOut
  | UnsavableValue
  | OutcomeUnknown
  | StrictMismatch
  | RunInterrupted
  | StoreError
  | Damaged

/** One thing to do: a step, or one item of a map. */
export interface Unit {
  readonly step: AnyStep
  readonly address: string
  readonly components: FingerprintComponents
  readonly wanted: Wanted
  readonly reasons: ReadonlyArray<Reason>
  readonly inputs: ReadonlyMap<string, OutputRef>
  readonly item: Item | undefined
}
export type Undecided = Omit<Unit, "reasons">

/** What a map's function is given of an element, and how to get a copy of it for another try. */
export interface Item {
  readonly value: unknown
  readonly again: Effect.Effect<unknown, Damaged | StoreError>
}

/** What executing needs of an attempt. */
export interface StepExecutorOptions {
  readonly session: RunSession
  readonly bridge: EffectBridge
  readonly ambience: StepAmbienceService
  /** The run that this one was forked from. */
  readonly parent: Parent | undefined
}

/** Executes what has to be executed, a step or an item of a map: with its retries, and everything recorded. */
export class StepExecutor {
  private readonly options: StepExecutorOptions
  private readonly session: RunSession

  constructor(options: StepExecutorOptions) {
    this.options = options
    this.session = options.session
  }

  /** Executes a step or an item, with its retries, and records the outcome; begins nothing once it is to stop. */
  execute(unit: Unit, stopping: () => boolean): Effect.Effect<StepRecord, StepError, unknown> {
    return Effect.suspend(() => {
      if (stopping()) return Effect.interrupt
      const begun = this.session.now()
      return chain(this.inputs(unit), (inputs) =>
        unit.step.definition.when === undefined ? this.begin(unit, inputs, begun) : this.beginWhen(unit, inputs, begun))
    })
  }

  private beginWhen(unit: Unit, inputs: Record<string, unknown>, begun: number): Effect.Effect<StepRecord, StepError, unknown> {
    return Effect.gen({ self: this }, function*() {
      const wanted = yield* Effect.exit(this.when(unit, inputs))
      if (Exit.isFailure(wanted)) return yield* this.recordFailure(unit, begun, 0, wanted.cause, false)
      return yield* wanted.value ? this.begin(unit, inputs, begun) : this.skip(unit, begun)
    })
  }

  /** Shows that the step is being executed, for a `once` step durably, before anything happens; then tries it. */
  private begin(unit: Unit, inputs: Record<string, unknown>, begun: number): Effect.Effect<StepRecord, StepError, unknown> {
    const { parent } = this.options
    const first = (): Effect.Effect<StepRecord, StepError, unknown> =>
      Effect.catchCause(this.attempt(unit, inputs, 0, begun), (cause) => this.again(unit, begun, 0, cause))
    if (parent !== undefined && !parent.without.has(unit.step.name)) {
      const adopted = parent.adoptCheckpoints(this.session, unit.address, this.checkpointFingerprint(unit))
      this.showActive(unit, begun, null, null)
      return Effect.andThen(adopted, Effect.suspend(runsOnce(unit) ? () => Effect.andThen(this.showOnce(unit, begun), Effect.suspend(first)) : first))
    }
    if (runsOnce(unit)) {
      return Effect.flatMap(this.showOnce(unit, begun), first)
    }
    this.showActive(unit, begun, null, null)
    return first()
  }

  private showOnce(unit: Unit, begun: number): Effect.Effect<void, StoreError> {
    return this.session.submit([{ _tag: "StepActive", active: this.active(unit, begun, null, null, null) }])
  }

  /** After a try that failed: another one where that is allowed, else the failure is recorded. */
  private again(unit: Unit, begun: number, retries: number, cause: Cause.Cause<unknown>): Effect.Effect<StepRecord, StepError, unknown> {
    return Effect.gen({ self: this }, function*() {
      const { retry } = unit.step.definition
      if (retry === undefined || retries >= retry.times) return yield* this.recordFailure(unit, begun, retries, cause)
      const allowed = yield* Effect.exit(Effect.sync(() => mayRetry(retry, Cause.squash(cause), runsOnce(unit))))
      if (Exit.isFailure(allowed)) return yield* this.recordFailure(unit, begun, retries, allowed.cause)
      if (!allowed.value) return yield* this.recordFailure(unit, begun, retries, cause)
      yield* Effect.sleep(retryDelay(retry, retries))
      // What the try left has to be there for the next one to rewind it.
      yield* this.session.flush()
      // A try may have changed what it was given: the next one gets its own copies.
      const tried = yield* this.afresh(unit)
      const inputs = yield* this.inputs(unit)
      return yield* Effect.catchCause(this.attempt(tried, inputs, retries + 1, begun), (next) => this.again(unit, begun, retries + 1, next))
    })
  }

  private inputs(unit: Unit): Effect.Effect<Record<string, unknown>, Damaged | StoreError> {
    const values: Record<string, unknown> = {}
    const [first, ...others] = Object.entries(unit.step.definition.inputs)
    if (first === undefined) return Effect.succeed(values)
    const read = ([name, input]: readonly [string, AnyStep]): Effect.Effect<Record<string, unknown>, Damaged | StoreError> =>
      chain(this.input(input, unit.inputs.get(name)!), (value) => {
        define(values, name, value)
        return Effect.succeed(values)
      })
    return others.length === 0 ? read(first) : Effect.as(Effect.forEach([first, ...others], read, { discard: true }), values)
  }

  /** The unit with a copy of its own of the item. */
  private afresh(unit: Unit): Effect.Effect<Unit, Damaged | StoreError> {
    const { item } = unit
    return item === undefined ? Effect.succeed(unit) : Effect.map(item.again, (value) => ({ ...unit, item: { ...item, value } }))
  }

  input(step: AnyStep, ref: OutputRef, form?: "plain"): Effect.Effect<unknown, Damaged | StoreError> {
    const loaded = loadOutput(this.session.objects, step, ref, form)
    return known(loaded) ?? Effect.catchTag(loaded, "CorruptArtifact", (error) => Effect.fail(new Damaged(error)))
  }

  private when(unit: Unit, inputs: Record<string, unknown>): Effect.Effect<boolean, unknown> {
    const { when } = unit.step.definition
    const asked = invoke(() => when!({ inputs, params: this.paramsOf(unit.step) } as never), new StepSignal(), () => Context.empty())
    return Effect.map(asked as Effect.Effect<unknown, unknown>, (answer) => answer === true)
  }

  private skip(unit: Unit, begun: number): Effect.Effect<StepRecord, StepError> {
    return Effect.gen({ self: this }, function*() {
      const { session } = this
      const { ref, changes } = yield* session.objects.keep(yield* session.objects.encode(`Output of step "${unit.address}"`, undefined, undefined))
      return yield* session.record({
        ...this.base(unit, begun),
        decision: "skipped",
        reasons: [{ component: "when", note: "said no" }, ...unit.reasons],
        status: "skipped",
        output: ref
      }, changes)
    })
  }

  private active(unit: Unit, begun: number, done: number | null, total: number | null, message: string | null): ActiveStep {
    return {
      runId: this.session.runId,
      address: unit.address,
      step: unit.step.name,
      attempt: this.session.attempt,
      startedAtMs: begun,
      rerun: this.reruns(unit.address),
      once: runsOnce(unit),
      fingerprint: unit.wanted.fingerprint,
      done,
      total,
      message
    }
  }

  showActive(unit: Unit, begun: number, done: number | null, total: number | null, message: string | null = null): void {
    this.session.tracking.later(unit.address, () => ({ _tag: "StepActive", active: this.active(unit, begun, done, total, message) }))
  }

  /** Takes what is tracked, to be recorded with an outcome, which need not be shown as being executed any more. */
  settle<A>(unit: Unit, take: () => A): A {
    this.session.tracking.forget(unit.address)
    return take()
  }

  /** Progress that is no number says nothing, and is not shown. */
  private showProgress(unit: Unit, begun: number, done: number, total: number | undefined, message: string | undefined): void {
    if (!Number.isFinite(done)) return
    this.showActive(unit, begun, done + 0, total !== undefined && Number.isFinite(total) ? total + 0 : null, message === undefined ? null : this.session.redact(message))
  }

  /** How often somebody decided that a `once` step runs again. */
  private reruns(address: string): number {
    return this.session.history.of(address).filter((record) => record.reasons.some((reason) => reason.component === "resolved" && reason.new === "rerun")).length
  }

  /** One try. */
  private attempt(unit: Unit, inputs: Record<string, unknown>, retry: number, begun: number): Effect.Effect<StepRecord, unknown, unknown> {
    const { step, address } = unit
    const { definition } = step
    const { session, options } = this
    const execution = new StepExecution(session, {
      address,
      step: step.name,
      generation: session.history.next(address),
      checkpointFingerprint: () => this.checkpointFingerprint(unit),
      checkpoints: definition.checkpoints,
      keep: definition.keep,
      leftovers: session.mayHaveCheckpoints || retry > 0
    })
    const signal = new StepSignal()
    const parts = {
      session,
      execution,
      signal,
      bridge: options.bridge,
      inputs,
      params: this.paramsOf(step),
      address,
      item: unit.item,
      idempotencyKey: () => this.idempotencyKey(address),
      progress: (done: number, total: number | undefined, message: string | undefined) => this.showProgress(unit, begun, done, total, message)
    }
    const context = new ExecutionContext(parts)
    const print = definition.console ? (level: LogLevel, message: string): void => execution.line(level, message) : undefined
    const work = invoke(() => options.ambience.around({ context, print }, () => definition.run(context as never)), signal, () => services(parts))
    return timed(work, address, definition.timeoutMs).pipe(
      Effect.flatMap((value) => this.recordSuccess(unit, execution, value, retry, begun)),
      // What was tracked before a failure is kept, too; a retry begins by rewinding it.
      Effect.onError(() => Effect.andThen(Effect.ignore(session.collect(() => session.tracking.leave(execution.abandon()))), Effect.sync(() => execution.close())))
    )
  }

  private recordSuccess(unit: Unit, execution: StepExecution, value: unknown, retries: number, begun: number): Effect.Effect<StepRecord, StepError> {
    const { session } = this
    execution.trackOutput(value)
    const encoded = session.objects.encode(`Output of step "${unit.address}"`, value, unit.step.definition.output)
    const saved = chain(encoded, (encoded) => session.objects.keep(encoded))
    return chain(saved, ({ ref, changes }) =>
      chain(session.collect(() => this.settle(unit, () => execution.finish())), (tracked) =>
        Effect.uninterruptible(recording(tracked, (tracked) => session.record({
          ...this.base(unit, begun),
          reasons: execution.continued.length === 0 ? unit.reasons : [...unit.reasons, ...execution.continued],
          status: "completed",
          seed: execution.drew ? session.seed : null,
          output: ref,
          retries
        }, tracked.length === 0 ? changes : [...tracked, ...changes])))))
  }

  /** Records how a unit failed; what was not `begun` took no effect, even where it runs at most once. */
  private recordFailure(unit: Unit, begunAtMs: number, retries: number, cause: Cause.Cause<unknown>, begun = true): Effect.Effect<never, StepError> {
    return Effect.gen({ self: this }, function*() {
      const { session } = this
      const failure = Cause.findFail(cause)
      const error = Cause.hasInterruptsOnly(cause) ? new Error("it interrupted itself") : Cause.squash(cause)
      const reported = ownError(error) ?? failed(session, unit.address, error, Result.isSuccess(failure) ? failure.success.error : undefined)
      if (reported._tag === "Damaged" || reported._tag === "StoreError") return yield* Effect.fail(reported)
      if (begun && runsOnce(unit)) {
        const message = storedError(error, session.redact).message.split("\n")[0]!
        yield* session.submit([{ _tag: "StepActive", active: this.active(unit, begunAtMs, null, null, message) }])
        return yield* new OutcomeUnknown({ runId: session.runId, step: unit.address, why: `it ended in an error while it ran (${message}), so whether it took effect is not known` })
      }
      const tracked = yield* session.collect(() => this.settle(unit, () => session.tracking.drainRest()))
      yield* recording(tracked, (tracked) => session.record({
        ...this.base(unit, begunAtMs),
        status: "failed",
        retries,
        error: storedError(error, session.redact)
      }, tracked))
      return yield* Effect.fail(reported)
    })
  }

  /** What the records of a unit's outcomes have in common. */
  base(unit: Unit, begun: number): Outcome {
    const { kind } = unit.wanted.code
    return {
      address: unit.address,
      step: unit.step.name,
      decision: "executed",
      reasons: unit.reasons,
      status: "completed",
      generation: this.session.history.next(unit.address),
      fingerprint: unit.wanted.fingerprint,
      components: unit.components,
      seed: null,
      output: null,
      trusted: false,
      cacheable: unit.step.definition.cache !== undefined && (kind === "explicit" || kind === "deep"),
      source: null,
      retries: 0,
      startedAtMs: begun,
      // The clock may have been set back meanwhile.
      durationMs: Math.max(0, this.session.now() - begun),
      error: null
    }
  }

  private paramsOf(step: AnyStep): Record<string, unknown> {
    const params: Record<string, unknown> = {}
    for (const name of Object.keys(step.definition.params)) {
      if (name in this.session.params.values) define(params, name, this.session.params.values[name])
    }
    return params
  }

  private checkpointFingerprint(unit: Unit): string {
    const { step, wanted, components } = unit
    const { checkpointsIgnore } = step.definition
    return wanted.code.kind === "unknown"
      ? `unknown ${this.session.runId} ${this.session.attempt}`
      : checkpointsIgnore.length === 0
      ? wanted.fingerprint
      : Fingerprint.checkpointHash(this.session.hasher, step.name, components, checkpointsIgnore)
  }

  private idempotencyKey(address: string): string {
    return this.session.hasher.text(`uniflow idempotency 1\n${this.session.runId}\n${address}\n${this.reruns(address)}`).slice(0, 32)
  }
}

/** Of a map the items run once; the map itself has no effect of its own. */
export const runsOnce = ({ step, item }: Pick<Unit, "step" | "item">): boolean =>
  step.definition.once && (step.definition.kind === "step" || item !== undefined)

/** A step's own failure, as it is told. */
export const failed = ({ runId }: RunSession, address: string, cause: unknown, error?: unknown): StepFailed<unknown> =>
  new StepFailed({ runId, step: address, cause, error })

const ownError = (error: unknown): StepTimedOut | UnsavableValue | StoreError | Damaged | undefined =>
  isOneOf(error, StepTimedOut, UnsavableValue, StoreError, Damaged) ? error : undefined

/** A store that fails says nothing about a step that runs at most once: it may have taken its effect. */
const mayRetry = (retry: Retry, error: unknown, once: boolean): boolean =>
  !isOneOf(error, UnsavableValue, CheckpointMisuse, CorruptArtifact, Damaged)
  && !(once && isOneOf(error, StoreError))
  && (retry.while?.(error) ?? true)

/** `instanceof` for whatever was thrown: asking that of a Proxy may throw, too. */
const isOneOf = <A extends ReadonlyArray<abstract new(...args: never) => unknown>>(error: unknown, ...classes: A): error is InstanceType<A[number]> => {
  try {
    return classes.some((one) => error instanceof one)
  } catch {
    return false
  }
}

/** Doubles with each retry, up to the longest wait. */
const retryDelay = (retry: Retry, retries: number): Duration.Duration =>
  Duration.min(
    Duration.times(Duration.fromInputUnsafe(retry.delay ?? Duration.millis(100)), 2 ** retries),
    Duration.fromInputUnsafe(retry.maxDelay ?? Duration.seconds(30))
  )
