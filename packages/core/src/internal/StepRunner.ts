import { Cause, Context, Duration, Effect, Exit, Result, type Semaphore } from "effect"
import type { Reason } from "../Decision.ts"
import * as Fingerprint from "../Fingerprint.ts"
import { inputsOf } from "../Pipeline.ts"
import type { ActiveStep, FingerprintComponents, LogLevel, OutputRef, StepRecord } from "../RunRecord.ts"
import type { Any as AnyStep, Retry } from "../Step.ts"
import type { StepAmbienceService } from "../StepAmbience.ts"
import {
  CheckpointMisuse,
  CorruptArtifact,
  InvalidInput,
  OutcomeUnknown,
  type RunInterrupted,
  StepFailed,
  StepTimedOut,
  StoreError,
  StrictMismatch,
  UnsavableValue
} from "../UniflowError.ts"
import { chain, known } from "./chain.ts"
import { cachedFrom, copyFrom, isWhole } from "./copyFrom.ts"
import { type ComponentSources, define, type OwnComponents, ownComponents } from "./components.ts"
import { type Bridge, ExecutionContext, services, StepSignal } from "./ExecutionContext.ts"
import type { Flights } from "./Flights.ts"
import { isGeneration, restored } from "./History.ts"
import { invoke, timed } from "./invoke.ts"
import { addressOf, encodeManifest, isThere, loadOutput, type ManifestItem } from "./manifest.ts"
import { type Match, match, type RunMode, type Wanted } from "./matching.ts"
import type { Parent } from "./Parent.ts"
import type { Outcome, RunSession } from "./RunSession.ts"
import { StepExecution } from "./StepExecution.ts"
import { storedError } from "./storedError.ts"

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

export interface StepRunnerOptions {
  readonly session: RunSession
  readonly sources: ComponentSources
  readonly mode: RunMode
  readonly rerun: ReadonlySet<string>
  readonly concurrency: number
  readonly permits: Semaphore.Semaphore
  readonly bridge: Bridge
  readonly ambience: StepAmbienceService
  /** Steps that an earlier attempt left unfinished, by address. */
  readonly left: ReadonlyMap<string, ActiveStep>
  /** What is under way in all runs of this process. */
  readonly flights: Flights
  /** The run that this one was forked from. */
  readonly parent: Parent | undefined
  /** Whether a step has failed, so that no further work is begun. */
  readonly stopping: () => boolean
}

/** One thing to do: a step, or one item of a map. */
interface Unit {
  readonly step: AnyStep
  readonly address: string
  readonly components: FingerprintComponents
  readonly wanted: Wanted
  readonly reasons: ReadonlyArray<Reason>
  readonly inputs: ReadonlyMap<string, OutputRef>
  readonly item: Item | undefined
}
type Undecided = Omit<Unit, "reasons">

/** What a map's function is given of an element, and how to get a copy of it for another try. */
interface Item {
  readonly value: unknown
  readonly again: Effect.Effect<unknown, Damaged | StoreError>
}

/** One element of what a map goes over. */
interface Element {
  readonly item: Item
  readonly address: string
  readonly components: FingerprintComponents
}

/** Resolves steps of one attempt: restores what answers, takes from other runs what may be taken, executes the rest. */
export class StepRunner {
  private readonly options: StepRunnerOptions
  private readonly session: RunSession
  private readonly own = new Map<AnyStep, OwnComponents>()
  /** What this attempt came to already: the graph is walked again when an output turns out to be damaged. */
  private readonly resolved = new Map<AnyStep, { readonly inputs: ReadonlyMap<string, OutputRef>; readonly record: StepRecord }>()

  constructor(options: StepRunnerOptions) {
    this.options = options
    this.session = options.session
  }

  /** Brings a step to its output; `records` are those of the steps it reads. */
  resolve(step: AnyStep, records: ReadonlyMap<AnyStep, StepRecord>): Effect.Effect<StepRecord, StepError, unknown> {
    const inputs = new Map<string, OutputRef>()
    for (const [name, input] of inputsOf(step)) inputs.set(name, records.get(input)!.output!)
    const before = this.resolved.get(step)
    if (before === undefined || !sameInputs(before.inputs, inputs)) return this.resolveWith(step, inputs)
    return Effect.flatMap(isThere(this.session.objects, step.name, before.record.output!), (there) =>
      there ? Effect.succeed(before.record) : this.resolveWith(step, inputs))
  }

  private resolveWith(step: AnyStep, inputs: ReadonlyMap<string, OutputRef>): Effect.Effect<StepRecord, StepError, unknown> {
    const digests: Record<string, string> = {}
    for (const [name, ref] of inputs) define(digests, name, ref.digest)
    const decided = chain(this.ownOf(step), (own) => this.decide(step, step.name, { ...own.components, inputs: digests }, inputs, undefined))
    const done = chain(decided, (unit): Effect.Effect<StepRecord, StepError, unknown> =>
      "seq" in unit
        ? Effect.succeed(unit)
        : step.definition.kind === "map"
        ? this.runMap(unit)
        : this.alone(unit, this.options.permits.withPermit(this.execute(unit))))
    return Effect.map(done, (record) => {
      this.resolved.set(step, { inputs, record })
      return record
    })
  }

  /** Executes what other runs of this process may want, too, once for all of them. */
  private alone(unit: Unit, work: Effect.Effect<StepRecord, StepError, unknown>): Effect.Effect<StepRecord, StepError, unknown> {
    const { cache } = unit.step.definition
    const { kind } = unit.wanted.code
    const { parent, rerun } = this.options
    if (cache === undefined || rerun.has(unit.step.name) || parent?.without.has(unit.step.name) === true || (kind !== "explicit" && kind !== "deep")) return work
    const taken = Effect.map(this.fromOtherRun(unit, { found: undefined, reasons: unit.reasons, mismatch: false }, cache), ({ record }) => record)
    return this.options.flights.alone(`${unit.step.name}\n${unit.wanted.fingerprint}`, work, taken)
  }

  private ownOf(step: AnyStep): Effect.Effect<OwnComponents, StoreError | StepFailed<unknown>> {
    const known = this.own.get(step)
    if (known !== undefined) return Effect.succeed(known)
    const { sources } = this.options
    try {
      return chain(ownComponents(step, sources), (own) => {
        this.own.set(step, own)
        return Effect.succeed(own)
      })
    } catch (cause) {
      return Effect.fail(this.failed(step.name, cause, undefined))
    }
  }

  private failed(address: string, cause: unknown, error: unknown): StepFailed<unknown> {
    return new StepFailed({ runId: this.session.runId, step: address, cause, error })
  }

  /** Restores a step where something answers for it; else tells what is to be executed, and why. */
  private decide(
    step: AnyStep,
    address: string,
    components: FingerprintComponents,
    inputs: ReadonlyMap<string, OutputRef>,
    item: Unit["item"]
  ): Effect.Effect<StepRecord | Unit, StepError> {
    const { session } = this
    const { code } = this.own.get(step)!
    const fingerprint = code.kind === "unknown" ? "" : Fingerprint.hash(session.hasher, step.name, components)
    const wanted: Wanted = { fingerprint, components, code, seed: session.seed }
    const unit: Undecided = { step, address, components, wanted, inputs, item }
    const outcomes = session.history.of(address)
    return runsOnce(unit)
      ? Effect.flatMap(this.decideOnce(unit, outcomes), (decided) => decided === undefined ? this.decideBySaved(unit, outcomes) : Effect.succeed(decided))
      : this.decideBySaved(unit, outcomes)
  }

  private decideBySaved(unit: Undecided, outcomes: ReadonlyArray<StepRecord>): Effect.Effect<StepRecord | Unit, StepError> {
    const { session, options } = this
    const { step, address } = unit
    const rerun = options.rerun.has(step.name)
    const found = match(outcomes, unit.wanted, session.objects, { mode: options.mode, rerun, interrupted: options.left.has(address) })
    return chain(found, (found): Effect.Effect<StepRecord | Unit, StepError> => {
      if (found.found !== undefined) return this.restore(found.found, found.reasons, found.trusted)
      if (options.mode === "strict" && found.mismatch) {
        const because = found.reasons.map((reason) => reason.component).join(", ")
        return Effect.fail(new StrictMismatch({ runId: session.runId, steps: [{ step: address, because }] }))
      }
      const { cache } = step.definition
      const { parent } = options
      if (parent !== undefined && outcomes.length === 0 && !rerun) return this.fromParent(unit, parent, found)
      if (cache === undefined || rerun) return Effect.succeed({ ...unit, reasons: found.reasons })
      return Effect.map(this.fromOtherRun(unit, found, cache), (cached) => cached.record ?? { ...unit, reasons: [...found.reasons, ...cached.reasons] })
    })
  }

  /** A `once` step: restored, executed for the first time, or a person has to decide. */
  private decideOnce(unit: Undecided, outcomes: ReadonlyArray<StepRecord>): Effect.Effect<StepRecord | Unit | undefined, StepError> {
    return Effect.gen({ self: this }, function*() {
      const { address, wanted } = unit
      const newest = outcomes.at(-1)
      const left = this.options.left.get(address)
      const unknown = (why: string): OutcomeUnknown => new OutcomeUnknown({ runId: this.session.runId, step: address, why })
      if (left?.once === true) {
        return yield* unknown(
          left.message === null
            ? `attempt ${left.attempt} was interrupted while it ran, so whether it took effect is not known`
            : `attempt ${left.attempt} ended in an error while it ran (${left.message}), so whether it took effect is not known`
        )
      }
      if (newest === undefined) return undefined
      if (isDecidedByPerson(newest)) {
        if (newest.status === "failed") return { ...unit, reasons: newest.reasons }
        return yield* this.adopt(unit, newest)
      }
      if (newest.status === "failed" || Fingerprint.answers(newest, wanted.fingerprint, wanted.seed)) return undefined
      const changes = newest.components === null ? [] : Fingerprint.diff(newest.components, wanted.components)
      return yield* unknown(`it was completed before with another fingerprint (${changes.map((reason) => reason.component).join(", ") || "its code cannot be seen"})`)
    })
  }

  /** Lets an outcome that a person stated stand for the step as it is now. */
  private adopt(unit: Undecided, stated: StepRecord): Effect.Effect<StepRecord, StoreError> {
    return this.session.record({
      ...stated,
      decision: "restored",
      reasons: stated.reasons,
      generation: this.session.history.next(unit.address),
      fingerprint: unit.wanted.fingerprint,
      components: unit.components
    }, [])
  }

  private restore(record: StepRecord, reasons: ReadonlyArray<Reason>, trusted: boolean): Effect.Effect<StepRecord, StoreError> {
    return this.session.record(restored(record, reasons, trusted, this.session.now()), [])
  }

  /** What the parent of a fork has for the step; else other runs, where they may be asked; else why it is executed. */
  private fromParent(unit: Undecided, parent: Parent, found: Match): Effect.Effect<StepRecord | Unit, StepError> {
    return Effect.gen({ self: this }, function*() {
      const { address, components, step, wanted } = unit
      const { session } = this
      if (parent.without.has(step.name)) return { ...unit, reasons: [{ component: "fork", note: "asked to execute from here" }] }
      const outcomes = (yield* parent.history).of(address)
      const answer = yield* match(outcomes, wanted, session.objects, { mode: "auto", rerun: false, interrupted: false })
      if (answer.found !== undefined) {
        const items = step.definition.kind === "map" && unit.item === undefined ? yield* this.elements(unit) : []
        const copied = yield* copyFrom(session, answer.found, address, items)
        if (copied !== undefined) {
          const outcome = cachedFrom(session, answer.found, address, [], "fork")
          const stored = yield* session.record({ ...outcome, components }, copied.changes, copied.items)
          if (yield* isWhole(session, copied)) return stored
        }
      }
      const { cache } = step.definition
      const cached = cache === undefined ? undefined : yield* this.fromOtherRun(unit, found, cache)
      return cached?.record ?? { ...unit, reasons: answer.found === undefined ? answer.reasons : found.reasons }
    })
  }

  private fromOtherRun(unit: Undecided, found: Match, cache: NonNullable<AnyStep["definition"]["cache"]>): Effect.Effect<{ readonly record: StepRecord | undefined; readonly reasons: ReadonlyArray<Reason> }, StepError> {
    return Effect.gen({ self: this }, function*() {
      const { step, wanted, address, components } = unit
      const { session } = this
      if (wanted.code.kind === "shallow" || wanted.code.kind === "unknown") {
        return { record: undefined, reasons: [{ component: "cache", note: `other runs were not asked: the code of the step is not fully seen${wanted.code.kind === "shallow" && wanted.code.why !== undefined ? ` (${wanted.code.why})` : ""}; give it a version` }] }
      }
      let items: ReadonlyArray<Element> | undefined
      for (const record of yield* session.store.lookup(step.name, wanted.fingerprint)) {
        if (record.runId === session.runId || !Fingerprint.answers(record, wanted.fingerprint, wanted.seed)) continue
        if (session.now() - (record.startedAtMs + record.durationMs) > cache.maxAgeMs) continue
        if (session.objects.unusable.has(record.output!.digest)) continue
        const copied = yield* copyFrom(session, record, address, items ?? (items = step.definition.kind === "map" && unit.item === undefined ? yield* this.elements(unit) : []))
        if (copied === undefined) continue
        const outcome = cachedFrom(session, record, address, found.reasons.filter((reason) => reason.component !== "first"))
        const stored = yield* session.record({ ...outcome, components }, copied.changes, copied.items)
        if (yield* isWhole(session, copied)) return { record: stored, reasons: [] }
        return { record: undefined, reasons: [{ component: "artifact", note: `bytes of run ${record.runId} were collected while they were taken from it` }] }
      }
      return { record: undefined, reasons: [] }
    })
  }

  /** What a map goes over. Elements are told apart by what is saved of them, before the schema of the step that made them. */
  private elements({ step, components, inputs }: Undecided): Effect.Effect<ReadonlyArray<Element>, StepError> {
    return Effect.gen({ self: this }, function*() {
      const { objects } = this.session
      const over = step.definition.over!
      const ref = inputs.get("over")!
      const values = yield* this.input(over, ref)
      if (!Array.isArray(values)) {
        return yield* this.failed(step.name, new InvalidInput({ what: `Step "${step.name}"`, issue: `it goes over the output of "${over.name}", which is not an array` }), undefined)
      }
      const plain = over.definition.output === undefined ? values : yield* this.input(over, ref, "plain")
      const saved: ReadonlyArray<unknown> = Array.isArray(plain) && plain.length === values.length ? plain : values
      const { over: _, ...others } = components.inputs
      const occurrences = new Map<string, number>()
      const elements: Array<Element> = []
      for (const [i, value] of values.entries()) {
        const digest = objects.digest(yield* objects.encode(`Item ${i} of step "${step.name}"`, saved[i], undefined))
        const occurrence = (occurrences.get(digest) ?? 0) + 1
        occurrences.set(digest, occurrence)
        const again = Effect.suspend(() => Effect.map(this.input(over, ref), (all) => (all as ReadonlyArray<unknown>)[i]))
        elements.push({ item: { value, again }, address: addressOf(step.name, digest, occurrence), components: { ...components, inputs: { ...others, item: digest } } })
      }
      return elements
    })
  }

  /** Runs the items of a map, each restored or executed by itself, and records the manifest of their outputs. */
  private runMap(unit: Unit): Effect.Effect<StepRecord, StepError, unknown> {
    return Effect.gen({ self: this }, function*() {
      const { step } = unit
      const { definition } = step
      const { session, options } = this
      const begun = session.now()
      this.showActive(unit, begun, null, null)
      const items = yield* this.elements(unit)
      const inputs = new Map([...unit.inputs].filter(([name]) => name !== "over"))
      let done = 0
      const one = Effect.fnUntraced(function*(this: StepRunner, item: Element): Effect.fn.Return<StepRecord, StepError, unknown> {
        const decided = yield* this.decide(step, item.address, item.components, inputs, item.item)
        // A map with a limit of its own is bounded by that one; any other shares the run's.
        const record = "seq" in decided
          ? decided
          : yield* this.alone(decided, definition.concurrency === undefined ? options.permits.withPermit(this.execute(decided)) : this.execute(decided))
        this.showActive(unit, begun, ++done, items.length)
        return record
      }).bind(this)
      const collect = definition.onItemError === "collect"
      const concurrency = definition.concurrency ?? options.concurrency
      let failure: StepError | undefined
      const exits = yield* Effect.forEach(items, (item) =>
        // What runs when an item fails is let finish, and nothing new is begun.
        failure !== undefined || options.stopping() ? Effect.succeed(undefined) : Effect.result(one(item)).pipe(
          Effect.tap((result) => Effect.sync(() => {
            if (Result.isFailure(result) && !(collect && isItemFailure(result.failure))) failure ??= result.failure
          }))
        ), { concurrency })
      if (failure !== undefined) return yield* Effect.fail(failure)
      if (exits.includes(undefined)) return yield* Effect.interrupt
      const manifest: Array<ManifestItem> = exits.map((exit) =>
        Result.isSuccess(exit!) ? { ref: exit!.success.output! } : { error: itemError(exit!.failure, session.redact) })
      const records = exits.flatMap((exit) => (Result.isSuccess(exit!) ? [exit!.success] : []))
      const { ref, changes } = yield* session.objects.keep(...encodeManifest(manifest, collect))
      const failures = manifest.length - records.length
      const counts = ["executed", "restored", "cached"].flatMap((decision) => {
        const count = records.filter((record) => record.decision === decision).length
        return count === 0 ? [] : [`${count} ${decision}`]
      })
      const tracked = yield* session.collect(() => this.settle(unit, () => session.tracking.drainRest()))
      return yield* session.record({
        ...this.base(unit, begun),
        reasons: [...unit.reasons, { component: "items", note: [...counts, ...(failures === 0 ? [] : [`${failures} failed`])].join(", ") || "none" }],
        status: "completed",
        seed: records.some((record) => record.seed !== null) ? session.seed : null,
        output: ref,
        // Other runs never reuse failures.
        ...(failures === 0 ? {} : { cacheable: false })
      }, [...tracked, ...changes])
    })
  }

  /** Executes a step or an item, with its retries, and records the outcome. */
  private execute(unit: Unit): Effect.Effect<StepRecord, StepError, unknown> {
    return Effect.suspend(() => {
      if (this.options.stopping()) return Effect.interrupt
      const begun = this.session.now()
      return chain(this.inputs(unit), (inputs) =>
        unit.step.definition.when === undefined ? this.begin(unit, inputs, begun) : this.beginWhen(unit, inputs, begun))
    })
  }

  private beginWhen(unit: Unit, inputs: Record<string, unknown>, begun: number): Effect.Effect<StepRecord, StepError, unknown> {
    return Effect.gen({ self: this }, function*() {
      const wanted = yield* Effect.exit(this.when(unit, inputs))
      if (Exit.isFailure(wanted)) return yield* this.recordFailure(unit, begun, 0, wanted.cause)
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
      const allowed = yield* Effect.exit(Effect.sync(() => mayRetry(retry, Cause.squash(cause))))
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

  private input(step: AnyStep, ref: OutputRef, form?: "plain"): Effect.Effect<unknown, Damaged | StoreError> {
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

  private showActive(unit: Unit, begun: number, done: number | null, total: number | null, message: string | null = null): void {
    this.session.tracking.later(`active ${unit.address}`, () => ({ _tag: "StepActive", active: this.active(unit, begun, done, total, message) }))
  }

  /** Takes what is tracked, to be recorded with an outcome, which need not be shown as being executed any more. */
  private settle<A>(unit: Unit, take: () => A): A {
    this.session.tracking.forget(`active ${unit.address}`)
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
    return timed(work, address, definition.timeoutMs, session.now).pipe(
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
        Effect.uninterruptible(session.record({
          ...this.base(unit, begun),
          reasons: execution.continued.length === 0 ? unit.reasons : [...unit.reasons, ...execution.continued],
          status: "completed",
          seed: execution.drew ? session.seed : null,
          output: ref,
          retries
        }, tracked.length === 0 ? changes : [...tracked, ...changes]))))
  }

  private recordFailure(unit: Unit, begun: number, retries: number, cause: Cause.Cause<unknown>): Effect.Effect<never, StepError> {
    return Effect.gen({ self: this }, function*() {
      const { session } = this
      const failure = Cause.findFail(cause)
      const error = Cause.hasInterruptsOnly(cause) ? new Error("it interrupted itself") : Cause.squash(cause)
      const reported = ownError(error) ?? this.failed(unit.address, error, Result.isSuccess(failure) ? failure.success.error : undefined)
      if (reported._tag === "Damaged" || reported._tag === "StoreError") return yield* Effect.fail(reported)
      if (runsOnce(unit)) {
        const message = storedError(error, session.redact).message.split("\n")[0]!
        yield* session.submit([{ _tag: "StepActive", active: this.active(unit, begun, null, null, message) }])
        return yield* new OutcomeUnknown({ runId: session.runId, step: unit.address, why: `it ended in an error while it ran (${message}), so whether it took effect is not known` })
      }
      const tracked = yield* session.collect(() => this.settle(unit, () => session.tracking.drainRest()))
      yield* session.record({
        ...this.base(unit, begun),
        status: "failed",
        retries,
        error: storedError(error, session.redact)
      }, tracked)
      return yield* Effect.fail(reported)
    })
  }

  /** What the records of a unit's outcomes have in common. */
  private base(unit: Unit, begun: number): Outcome {
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
      durationMs: this.session.now() - begun,
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

const sameInputs = (before: ReadonlyMap<string, OutputRef>, now: ReadonlyMap<string, OutputRef>): boolean =>
  [...now].every(([name, ref]) => before.get(name)?.digest === ref.digest)

/** Of a map the items run once; the map itself has no effect of its own. */
const runsOnce = ({ step, item }: Pick<Unit, "step" | "item">): boolean =>
  step.definition.once && (step.definition.kind === "step" || item !== undefined)

const isDecidedByPerson = (record: StepRecord): boolean =>
  isGeneration(record) && record.fingerprint === "" && record.reasons.some((reason) => reason.component === "resolved")

const ownError = (error: unknown): StepTimedOut | UnsavableValue | StoreError | Damaged | undefined =>
  error instanceof StepTimedOut || error instanceof UnsavableValue || error instanceof StoreError || error instanceof Damaged
    ? error
    : undefined

/** Whether a failure is the item's own, so that `collect` may keep it beside the others. */
const isItemFailure = (error: StepError): boolean =>
  error._tag === "StepFailed" || error._tag === "StepTimedOut" || error._tag === "UnsavableValue"

const itemError = (error: StepError, redact: (text: string) => string): { readonly name: string; readonly message: string } => {
  const { name, message } = storedError(error._tag === "StepFailed" ? error.cause : error, redact)
  return { name, message }
}

const mayRetry = (retry: Retry, error: unknown): boolean =>
  !(error instanceof UnsavableValue || error instanceof CheckpointMisuse || error instanceof CorruptArtifact || error instanceof Damaged)
  && (retry.while?.(error) ?? true)

/** Doubles with each retry, up to the longest wait. */
const retryDelay = (retry: Retry, retries: number): Duration.Duration =>
  Duration.min(
    Duration.times(Duration.fromInputUnsafe(retry.delay ?? Duration.millis(100)), 2 ** retries),
    Duration.fromInputUnsafe(retry.maxDelay ?? Duration.seconds(30))
  )
