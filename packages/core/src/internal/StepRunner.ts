import { Cause, Effect, Result, type Semaphore } from "effect"
import type { Reason } from "../Decision.ts"
import * as Fingerprint from "../Fingerprint.ts"
import { inputsOf } from "../Pipeline.ts"
import type { ActiveStep, FingerprintComponents, OutputRef, StepRecord } from "../RunRecord.ts"
import type { Any as AnyStep } from "../Step.ts"
import { InvalidInput, OutcomeUnknown, type StepFailed, type StoreError, StrictMismatch } from "../UniflowError.ts"
import { chain } from "./chain.ts"
import { cachedFrom, copyFrom, isWhole } from "./copyFrom.ts"
import { type ComponentSources, define, type OwnComponents, ownComponents } from "./components.ts"
import type { Flights } from "./Flights.ts"
import { isGeneration, restored } from "./History.ts"
import { addressOf, encodeManifest, isThere, itemRefs, type ManifestItem } from "./manifest.ts"
import { type Match, match, type RunMode, type Wanted } from "./matching.ts"
import type { Parent } from "./Parent.ts"
import type { RunSession } from "./RunSession.ts"
import { failed, type Item, runsOnce, type StepError, StepExecutor, type StepExecutorOptions, type Undecided, type Unit } from "./StepExecutor.ts"
import { storedError } from "./storedError.ts"
import { recording } from "./TrackingBuffer.ts"

export interface StepRunnerOptions extends StepExecutorOptions {
  readonly sources: ComponentSources
  readonly mode: RunMode
  readonly rerun: ReadonlySet<string>
  readonly concurrency: number
  readonly permits: Semaphore.Semaphore
  /** Whether a step has failed, so that no further work is begun. */
  readonly stopping: () => boolean
  /** Steps that an earlier attempt left unfinished, by address. */
  readonly left: ReadonlyMap<string, ActiveStep>
  /** What is under way in all runs of this process. */
  readonly flights: Flights
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
  private readonly executor: StepExecutor
  private readonly own = new Map<AnyStep, OwnComponents>()
  /** What the steps read that were resolved since the graph was last walked. */
  private readonly read = new Map<AnyStep, ReadonlyMap<string, OutputRef>>()
  /** What earlier walks came to. */
  private readonly resolved = new Map<AnyStep, { readonly inputs: ReadonlyMap<string, OutputRef>; readonly record: StepRecord }>()

  /** Fingerprints of what drew from `random` before: then outcomes differ by seed and address, and nobody waits for another one's. */
  private readonly drawing = new Set<string>()

  constructor(options: StepRunnerOptions) {
    this.options = options
    this.session = options.session
    this.executor = new StepExecutor(options)
  }

  /** Keeps what a walk came to: the graph is walked again when an output turns out to be damaged. */
  keep(records: ReadonlyMap<AnyStep, StepRecord>): void {
    for (const [step, inputs] of this.read) {
      const record = records.get(step)
      if (record !== undefined) this.resolved.set(step, { inputs, record })
    }
    this.read.clear()
  }

  /** Brings a step to its output; `records` are those of the steps it reads. One that nothing else is beside needs no permit. */
  resolve(step: AnyStep, records: ReadonlyMap<AnyStep, StepRecord>, isAlone: boolean): Effect.Effect<StepRecord, StepError, unknown> {
    const inputs = new Map<string, OutputRef>()
    for (const [name, input] of inputsOf(step)) inputs.set(name, records.get(input)!.output!)
    const before = this.resolved.get(step)
    if (before === undefined || !sameInputs(before.inputs, inputs)) return this.resolveWith(step, inputs, isAlone)
    return Effect.flatMap(isThere(this.session.objects, step.name, before.record.output!), (there) =>
      there ? Effect.succeed(before.record) : this.resolveWith(step, inputs, isAlone))
  }

  private resolveWith(step: AnyStep, inputs: ReadonlyMap<string, OutputRef>, isAlone: boolean): Effect.Effect<StepRecord, StepError, unknown> {
    this.read.set(step, inputs)
    const digests: Record<string, string> = {}
    for (const [name, ref] of inputs) define(digests, name, ref.digest)
    const decided = chain(this.ownOf(step), (own) => this.decide(step, step.name, { ...own.components, inputs: digests }, inputs, undefined))
    return chain(decided, (unit): Effect.Effect<StepRecord, StepError, unknown> =>
      "seq" in unit
        ? Effect.succeed(unit)
        : step.definition.kind === "map"
        ? this.runMap(unit)
        : this.alone(unit, !isAlone, this.options.stopping))
  }

  /** Executes what other runs may want, too, once for all of them. */
  private alone(unit: Unit, limited: boolean, stopping: () => boolean): Effect.Effect<StepRecord, StepError, unknown> {
    const { cache } = unit.step.definition
    const { kind } = unit.wanted.code
    const { parent, permits, rerun } = this.options
    const permitted = <A>(effect: Effect.Effect<A, StepError, unknown>): Effect.Effect<A, StepError, unknown> => (limited ? permits.withPermit(effect) : effect)
    const work = this.executor.execute(unit, stopping)
    if (cache === undefined || rerun.has(unit.step.name) || parent?.without.has(unit.step.name) === true || (kind !== "explicit" && kind !== "deep")) return permitted(work)
    const { fingerprint } = unit.wanted
    return this.options.flights.alone({
      key: () => (this.drawing.has(fingerprint) ? `${fingerprint} ${this.session.seed} ${unit.address}` : fingerprint),
      address: unit.address,
      session: this.session,
      work,
      permitted,
      take: Effect.map(this.fromOtherRun(unit, { found: undefined, reasons: unit.reasons, mismatch: false }, cache), ({ record }) => record),
      stopping
    })
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
      return Effect.fail(failed(this.session, step.name, cause))
    }
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
      if (cache === undefined || rerun || parent?.without.has(step.name)) return Effect.succeed({ ...unit, reasons: found.reasons })
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
      const { address, step, wanted } = unit
      const { session } = this
      if (parent.without.has(step.name)) return { ...unit, reasons: [{ component: "fork", note: "asked to execute from here" }] }
      const outcomes = (yield* parent.history).of(address)
      const answer = yield* match(outcomes, wanted, session.objects, { mode: "auto", rerun: false, interrupted: false })
      if (answer.found !== undefined) {
        const items = yield* this.elements(unit)
        const made = yield* Effect.catchTag(itemRefs(session.objects, step.name, answer.found.output!), "CorruptArtifact", () => Effect.succeed([]))
        // No other run reuses failures that a map collected; its other items are taken one by one.
        const stored = made.length === items.length && (yield* this.take(unit, answer.found, items, [], step.definition.checkpointsIgnore))
        if (stored) return stored
      }
      const { cache } = step.definition
      const cached = cache === undefined ? undefined : yield* this.fromOtherRun(unit, found, cache)
      return cached?.record ?? { ...unit, reasons: answer.found === undefined ? answer.reasons : found.reasons }
    })
  }

  /** Records an outcome of another run as one of this run; undefined where bytes of it are missing, false where they were collected meanwhile. `ignored` as in `copyFrom`. */
  private take(unit: Undecided, record: StepRecord, items: ReadonlyArray<Element>, reasons: ReadonlyArray<Reason>, ignored?: ReadonlyArray<string>): Effect.Effect<StepRecord | false | undefined, StoreError> {
    return Effect.gen({ self: this }, function*() {
      const { session } = this
      const { address, components } = unit
      const copied = yield* copyFrom(session, record, address, items, ignored)
      if (copied === undefined) return undefined
      const outcome = cachedFrom(session, record, address, reasons, ignored && "fork")
      const stored = yield* session.record({ ...outcome, components }, copied.changes, copied.items, false)
      return (yield* isWhole(session, copied)) && stored
    })
  }

  private fromOtherRun(unit: Undecided, found: Match, cache: NonNullable<AnyStep["definition"]["cache"]>): Effect.Effect<{ readonly record: StepRecord | undefined; readonly reasons: ReadonlyArray<Reason> }, StepError> {
    return Effect.gen({ self: this }, function*() {
      const { step, wanted, address } = unit
      const { session } = this
      if (wanted.code.kind === "shallow" || wanted.code.kind === "unknown") {
        return { record: undefined, reasons: [{ component: "cache", note: `other runs were not asked: the code of the step is not fully seen${wanted.code.kind === "shallow" && wanted.code.why !== undefined ? ` (${wanted.code.why})` : ""}; give it a version` }] }
      }
      let items: ReadonlyArray<Element> | undefined
      for (const record of yield* session.store.lookup(step.name, wanted.fingerprint)) {
        if (!Fingerprint.answers(record, wanted.fingerprint, wanted.seed)) {
          this.drawing.add(wanted.fingerprint)
          continue
        }
        if (record.runId === session.runId) continue
        // An item's equals have the same fingerprint and, if they draw, other random numbers.
        if (record.seed !== null && record.address !== address) continue
        if (session.now() - (record.startedAtMs + record.durationMs) > cache.maxAgeMs) continue
        if (session.objects.unusable.has(record.output!.digest)) continue
        const stored = yield* this.take(unit, record, items ??= yield* this.elements(unit), found.reasons.filter((reason) => reason.component !== "first"))
        if (stored === undefined) continue
        return stored
          ? { record: stored, reasons: [] }
          : { record: undefined, reasons: [{ component: "artifact", note: `bytes of run ${record.runId} were collected meanwhile` }] }
      }
      return { record: undefined, reasons: [] }
    })
  }

  /** What a map goes over; nothing for any other. Elements are told apart by what is saved of them, before the schema of the step that made them. */
  private elements({ step, components, inputs, item }: Undecided): Effect.Effect<ReadonlyArray<Element>, StepError> {
    return Effect.gen({ self: this }, function*() {
      if (step.definition.kind === "step" || item !== undefined) return []
      const { objects } = this.session
      const over = step.definition.over!
      const ref = inputs.get("over")!
      const values = yield* this.executor.input(over, ref)
      if (!Array.isArray(values)) {
        return yield* failed(this.session, step.name, new InvalidInput({ what: `Step "${step.name}"`, issue: `it goes over the output of "${over.name}", which is not an array` }))
      }
      const plain = over.definition.output === undefined ? values : yield* this.executor.input(over, ref, "plain")
      const saved: ReadonlyArray<unknown> = Array.isArray(plain) && plain.length === values.length ? plain : values
      const { over: _, ...others } = components.inputs
      const occurrences = new Map<string, number>()
      const elements: Array<Element> = []
      for (const [i, value] of values.entries()) {
        const digest = objects.digest(yield* objects.encode(`Item ${i} of step "${step.name}"`, saved[i], undefined))
        const occurrence = (occurrences.get(digest) ?? 0) + 1
        occurrences.set(digest, occurrence)
        const again = Effect.suspend(() => Effect.map(this.executor.input(over, ref), (all) => (all as ReadonlyArray<unknown>)[i]))
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
      this.executor.showActive(unit, begun, null, null)
      const items = yield* this.elements(unit)
      const inputs = new Map([...unit.inputs].filter(([name]) => name !== "over"))
      let done = 0
      let failure: StepError | undefined
      const one = Effect.fnUntraced(function*(this: StepRunner, item: Element): Effect.fn.Return<StepRecord, StepError, unknown> {
        const decided = yield* this.decide(step, item.address, item.components, inputs, item.item)
        // A map with a limit of its own is bounded by that one; any other shares the run's.
        const record = "seq" in decided
          ? decided
          : yield* this.alone(decided, definition.concurrency === undefined, () => failure !== undefined || options.stopping())
        this.executor.showActive(unit, begun, ++done, items.length)
        return record
      }).bind(this)
      const collect = definition.onItemError === "collect"
      const concurrency = definition.concurrency ?? options.concurrency
      const exits = yield* Effect.forEach(items, (item) =>
        // What runs when an item fails is let finish, and nothing new is begun.
        failure !== undefined || options.stopping() ? Effect.succeed(undefined) : Effect.result(one(item)).pipe(
          Effect.tap((result) => Effect.sync(() => {
            if (Result.isFailure(result) && !(collect && isItemFailure(result.failure))) failure ??= result.failure
          })),
          // One whose turn came too late; what is under way beside it goes on.
          Effect.catchCause((cause) => Cause.hasInterruptsOnly(cause) ? Effect.succeed(undefined) : Effect.failCause(cause))
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
      const tracked = yield* session.collect(() => this.executor.settle(unit, () => session.tracking.drainRest()))
      return yield* recording(tracked, (tracked) => session.record({
        ...this.executor.base(unit, begun),
        reasons: [...unit.reasons, { component: "items", note: [...counts, ...(failures === 0 ? [] : [`${failures} failed`])].join(", ") || "none" }],
        status: "completed",
        seed: records.some((record) => record.seed !== null) ? session.seed : null,
        output: ref,
        // Other runs never reuse failures.
        ...(failures === 0 ? {} : { cacheable: false }),
        // What was reused by name answers for nothing; neither does what is made of it.
        ...(records.some((record) => record.trusted) ? { trusted: true, fingerprint: "" } : {})
      }, [...tracked, ...changes]))
    })
  }
}

const sameInputs = (before: ReadonlyMap<string, OutputRef>, now: ReadonlyMap<string, OutputRef>): boolean =>
  [...now].every(([name, ref]) => before.get(name)?.digest === ref.digest)

const isDecidedByPerson = (record: StepRecord): boolean =>
  isGeneration(record) && record.fingerprint === "" && record.reasons.some((reason) => reason.component === "resolved")

/** Whether a failure is the item's own, so that `collect` may keep it beside the others. */
const isItemFailure = (error: StepError): boolean =>
  error._tag === "StepFailed" || error._tag === "StepTimedOut" || error._tag === "UnsavableValue"

const itemError = (error: StepError, redact: (text: string) => string): { readonly name: string; readonly message: string } => {
  const { name, message } = storedError(error._tag === "StepFailed" ? error.cause : error, redact)
  return { name, message }
}
