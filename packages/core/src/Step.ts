/**
 * A step: a named unit of work with typed inputs (other steps), typed params and one output.
 *
 * `make` describes a step and runs nothing; a `Pipeline` runs it. What `run` returns, a value, a Promise or an Effect,
 * is saved when it succeeds, and answers for the step as long as its fingerprint is the same. `map` runs once per
 * element of another step's output, each element with a checkpoint of its own.
 *
 * Output, params, error and requirements are inferred, and carried on to whatever uses the step.
 */
import { Duration, Effect, Option, Schema } from "effect"
import { adopt, type AnySchema, type Fields, type Inputs, type Output, type Outputs } from "./AnySchema.ts"
import { isReadable } from "./CodeVersion.ts"
import type { CurrentRun } from "./CurrentRun.ts"
import type { PipelineCheckpoint } from "./PipelineCheckpoint.ts"
import type { StepContext } from "./StepContext.ts"
import type { Tracker } from "./Tracker.ts"
import { InvalidPipeline } from "./UniflowError.ts"

const TypeId = "~@uniflow/core/Step"

/**
 * A step. `A` is its output; `P`, `E`, `R` and `N` gather, over the step and all steps above it, the params to give
 * (a union of one record per step), the errors of Effects, their requirements, and names with outputs.
 */
export interface Step<out Name extends string, out A, out P = never, out E = never, out R = never, out N = never> {
  readonly [TypeId]: {
    readonly output: A
    readonly params: P
    readonly error: E
    readonly requirements: R
    readonly steps: N
  }
  readonly name: Name
  /** How the step is made; for the runner. */
  readonly definition: StepDefinition
}

/** Any step. */
export type Any = Step<string, unknown, unknown, unknown, unknown, unknown>

export type OutputOf<S extends Any> = S[typeof TypeId]["output"]
export type ParamsOf<S extends Any> = S[typeof TypeId]["params"]
export type ErrorOf<S extends Any> = S[typeof TypeId]["error"]
export type RequirementsOf<S extends Any> = S[typeof TypeId]["requirements"]
export type StepsOf<S extends Any> = S[typeof TypeId]["steps"]

/** Steps by the name under which `run` sees their outputs. */
export interface StepInputs {
  readonly [name: string]: Any
}

/** What a step is, without its types. */
export interface StepDefinition {
  readonly kind: "step" | "map"
  readonly inputs: StepInputs
  readonly over: Any | undefined
  readonly params: Fields
  readonly run: (context: never) => unknown
  readonly when: ((context: never) => unknown) | undefined
  readonly key: ((item: never) => string) | undefined
  readonly files: ((context: never) => ReadonlyArray<string>) | undefined
  readonly env: ReadonlyArray<string>
  readonly version: string | undefined
  readonly cache: { readonly maxAgeMs: number } | undefined
  readonly once: boolean
  readonly retry: Retry | undefined
  readonly timeoutMs: number | undefined
  readonly output: AnySchema | undefined
  readonly checkpoints: Fields
  readonly checkpointsIgnore: ReadonlyArray<string>
  readonly keep: number
  readonly concurrency: number | undefined
  readonly onItemError: "fail" | "collect"
  readonly console: boolean
  readonly definedAt: string
}

/** How a step that fails is tried again, within the same attempt. */
export interface Retry {
  /** Tries after the first one. */
  readonly times: number
  /** Wait before the first retry; doubles each time, up to `maxDelay`. Default 100 milliseconds. */
  readonly delay?: Duration.Input
  /** Default 30 seconds. */
  readonly maxDelay?: Duration.Input
  /** Which errors are worth a retry; all by default. */
  readonly while?: (error: unknown) => boolean
}

/** Whether a type is `any`. */
type IsAny<T> = 0 extends 1 & T ? true : false

type Resolved<T> = IsAny<T> extends true ? T : T extends Effect.Effect<infer A, infer _E, infer _R> ? A : Awaited<T>
type ErrorIn<T> = IsAny<T> extends true ? never : T extends Effect.Effect<infer _A, infer E, infer _R> ? E : never
type RequirementsIn<T> = IsAny<T> extends true ? never
  : T extends Effect.Effect<infer _A, infer _E, infer R> ? Exclude<R, CurrentRun | PipelineCheckpoint | Tracker> : never

/** What `run` may return for a step whose output is `A`. */
type Returns<O> = [O] extends [AnySchema] ? Output<O> | PromiseLike<Output<O>> | Effect.Effect<Output<O>, unknown, unknown> : unknown

type OwnParams<F extends Fields> = keyof F extends never ? never : Inputs<F>

interface CommonOptions<I extends StepInputs, F extends Fields, O, C extends Fields> {
  /** Steps whose outputs this one reads. */
  readonly inputs?: I
  /** Params the step reads; only these count for it. */
  readonly params?: F
  /** Says what the code is, instead of having it read: change it whenever the step's result would change. */
  readonly version?: string
  /** Files the step reads; they count by content. */
  readonly files?: (context: { readonly params: Outputs<F> }) => ReadonlyArray<string>
  /** Environment variables that the result depends on; secret ones count by a keyed hash. */
  readonly env?: ReadonlyArray<string>
  /** Types the output, checks it, and encodes it for saving. */
  readonly output?: O
  /** Schemas of manual checkpoints by their names. */
  readonly checkpoints?: C
  /** Params that may change while manual checkpoints go on to answer. */
  readonly checkpointsIgnore?: ReadonlyArray<NoInfer<keyof F & string>>
  /** Versions kept of each manual checkpoint. Default 2. */
  readonly keep?: number
  /** Tries after the first one, or how to retry. Default: none. */
  readonly retry?: number | Retry
  /** The longest one try may take; then its signal is aborted and it fails. Default: no limit. */
  readonly timeout?: Duration.Input
  /** Keep what the step prints with `console`, too. Default false. */
  readonly console?: boolean
}

type Reuse =
  | {
    /** Take the result of another run whose fingerprint is the same; with `maxAge`, if it is not older. Needs a `version` until code can be read. */
    readonly cache?: boolean | { readonly maxAge: Duration.Input }
    readonly once?: false
  }
  | {
    readonly cache?: false
    /** The step pays, mails or deploys: it is never executed again without somebody deciding so. */
    readonly once: true
  }

type InputOutputs<I extends StepInputs> = { readonly [K in keyof I]: OutputOf<I[K]> }

type Combined<Name extends string, A, I extends StepInputs, F extends Fields, T> = Step<
  Name,
  A,
  OwnParams<F> | ParamsOf<I[keyof I]>,
  ErrorIn<T> | ErrorOf<I[keyof I]>,
  RequirementsIn<T> | RequirementsOf<I[keyof I]>,
  { readonly [K in Name]: A } | StepsOf<I[keyof I]>
>

/** What `make` takes besides the name. */
export type StepOptions<I extends StepInputs, F extends Fields, O, C extends Fields, T, W> = CommonOptions<I, F, O, C> & Reuse & {
  /** Whether to run at all; when not, the output is `undefined` and what stands after it runs. */
  readonly when?: (context: { readonly inputs: InputOutputs<I>; readonly params: Outputs<F> }) => W
  /** The work: returns a value, a Promise or an Effect. */
  readonly run: (context: StepContext<InputOutputs<I>, Outputs<F>, C>) => T
}

type OutputFor<O, T> = [O] extends [AnySchema] ? Output<O> : Resolved<T>

/**
 * Describes a step.
 *
 * @throws InvalidPipeline when the name, an option or their combination cannot be used.
 */
export const make = <
  const Name extends string,
  I extends StepInputs = {},
  const F extends Fields = {},
  O = undefined,
  C extends Fields = {},
  T extends Returns<O> = Returns<O>,
  W extends boolean | PromiseLike<boolean> = never
>(
  name: Name,
  options: StepOptions<I, F, O, C, T, W>
): Combined<Name, [W] extends [never] ? OutputFor<O, T> : OutputFor<O, T> | undefined, I, F, T> =>
  build(name, { kind: "step", ...options })

/** The outcome of one element where failures are collected. */
export type ItemResult<A> =
  | { readonly ok: true; readonly value: A }
  | { readonly ok: false; readonly error: { readonly name: string; readonly message: string } }

type Item<S extends Any> = OutputOf<S> extends ReadonlyArray<infer A> ? A : never

/** What `map` takes besides the name. */
export type MapOptions<S extends Step<string, ReadonlyArray<unknown>, unknown, unknown, unknown, unknown>, I extends StepInputs, F extends Fields, O, C extends Fields, T, M> =
  & CommonOptions<I, F, O, C>
  & Reuse
  & {
    /** The step whose output's elements are worked on. */
    readonly over: S
    /** Elements worked on at the same time. Default: the run's `concurrency`. */
    readonly concurrency?: number
    /** `fail` (default): the first failing element fails the step. `collect`: the output tells each element's outcome. */
    readonly onItemError?: M
    /** A name for an element, for people; elements are told apart by their content all the same. */
    readonly key?: (item: Item<S>) => string
    /** The work on one element. */
    readonly run: (context: StepContext<InputOutputs<I>, Outputs<F>, C> & { readonly item: Item<S> }) => T
  }

/**
 * Describes a step that runs once per element of another step's output. Elements count by content and occurrence, not
 * by position: inserting one does not redo the others.
 *
 * @throws InvalidPipeline when the name, an option or their combination cannot be used.
 */
export const map = <
  const Name extends string,
  S extends Step<string, ReadonlyArray<unknown>, unknown, unknown, unknown, unknown>,
  I extends StepInputs = {},
  const F extends Fields = {},
  O = undefined,
  C extends Fields = {},
  T extends Returns<O> = Returns<O>,
  const M extends "fail" | "collect" = "fail"
>(
  name: Name,
  options: MapOptions<S, I, F, O, C, T, M>
): Combined<
  Name,
  ReadonlyArray<M extends "collect" ? ItemResult<OutputFor<O, T>> : OutputFor<O, T>>,
  I & { readonly "~over": S },
  F,
  T
> => build(name, { kind: "map", ...options })

/** A param with a default: may be left out where the pipeline is run. */
export const withDefault = <S extends Schema.Codec<unknown, unknown, never, never>>(
  schema: S,
  value: NoInfer<S["Type"]>
): Schema.withDecodingDefaultTypeKey<S> => Schema.withDecodingDefaultTypeKey<S>(Effect.succeed(value))(schema)

/** Whether a value is a step. */
export const isStep = (u: unknown): u is Any => typeof u === "object" && u !== null && TypeId in u

interface Given {
  readonly kind: "step" | "map"
  readonly over?: Any
  readonly inputs?: StepInputs
  readonly params?: Fields
  readonly run: (context: never) => unknown
  readonly when?: unknown
  readonly key?: (item: never) => string
  readonly files?: (context: never) => ReadonlyArray<string>
  readonly env?: ReadonlyArray<string>
  readonly version?: string
  readonly cache?: boolean | { readonly maxAge: Duration.Input }
  readonly once?: boolean
  readonly retry?: number | Retry
  readonly timeout?: Duration.Input
  readonly output?: unknown
  readonly checkpoints?: Fields
  readonly checkpointsIgnore?: ReadonlyArray<string>
  readonly keep?: number
  readonly concurrency?: number
  readonly onItemError?: "fail" | "collect"
  readonly console?: boolean
}

const NAME_LENGTH = 256

/** What is wrong with a name that people give to a step or a pipeline. */
export const nameIssue = (name: unknown): string | undefined =>
  typeof name !== "string" || name.length === 0
    ? "A name must be a non-empty text."
    : name.length > NAME_LENGTH
    ? `The name "${name.slice(0, 40)}…" is longer than ${NAME_LENGTH} characters.`
    : name !== name.trim()
    ? `The name "${name}" begins or ends with a space.`
    : /\p{Surrogate}/u.test(name)
    ? "The name holds half a character (a lone surrogate)."
    : undefined

/** Whether a value is a length of time as it was meant; a negative number would be taken as none. */
const isDuration = (value: Duration.Input): boolean =>
  !(typeof value === "number" && !(value >= 0)) && Option.isSome(Duration.fromInput(value))

const issuesOf = (name: string, given: Given): Array<string> => {
  const issues: Array<string> = []
  const named = nameIssue(name)
  if (named !== undefined) issues.push(named)
  if (/[[\]]/.test(name)) issues.push(`The step name "${name}" holds a bracket; brackets name the items of a map.`)
  for (const [key, input] of Object.entries(given.inputs ?? {})) {
    if (!isStep(input)) issues.push(`Input "${key}" of step "${name}" is not a step${input === undefined ? " (it is undefined: is it defined further down, or in a module that imports this one?)" : ""}.`)
    if (given.kind === "map" && (key === "over" || key === "item")) issues.push(`Input "${key}" of step "${name}" needs another name: a map has its own.`)
  }
  if (given.kind === "map" && !isStep(given.over)) issues.push(`"over" of step "${name}" is not a step.`)
  if (typeof given.run !== "function") issues.push(`Step "${name}" has no run function.`)
  else if (given.version === undefined && !isReadable(given.run)) {
    issues.push(`The code of step "${name}" cannot be seen, because its function is native or bound; give the step a version.`)
  }
  if (given.once === true && given.cache !== undefined && given.cache !== false) issues.push(`Step "${name}" has both once and cache; a step that has an effect outside cannot be answered by another run.`)
  for (const param of given.checkpointsIgnore ?? []) {
    if (!Object.hasOwn(given.params ?? {}, param)) issues.push(`checkpointsIgnore of step "${name}" names "${param}", which is not one of its params.`)
  }
  for (const [option, value] of [["keep", given.keep], ["concurrency", given.concurrency]] as const) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) issues.push(`${option} of step "${name}" must be a whole number from 1, not ${String(value)}.`)
  }
  const durations = [
    ["timeout", given.timeout],
    ["retry", typeof given.retry === "object" ? given.retry.delay : undefined],
    ["retry", typeof given.retry === "object" ? given.retry.maxDelay : undefined],
    ["maxAge", typeof given.cache === "object" ? given.cache.maxAge : undefined]
  ] as const
  for (const [option, value] of durations) {
    if (value !== undefined && !isDuration(value)) issues.push(`${option} of step "${name}" must be a length of time, such as "2 seconds" or a number of milliseconds, not ${JSON.stringify(value)}.`)
  }
  const times = typeof given.retry === "number" ? given.retry : given.retry?.times
  if (times !== undefined && !(Number.isInteger(times) && times >= 0)) issues.push(`retry of step "${name}" must be a whole number from 0, not ${String(times)}.`)
  return issues
}

// V8's knob for how many frames a stack has; other engines ignore it.
const engine = Error as ErrorConstructor & { stackTraceLimit?: number }

/** The stack of the call into this module, without the frames of this module. */
const callSite = (): string => {
  const limit = engine.stackTraceLimit
  engine.stackTraceLimit = 12
  const stack = new Error().stack ?? ""
  if (limit !== undefined) engine.stackTraceLimit = limit
  return stack.split("\n").slice(4).join("\n")
}

const build = <S>(name: string, given: Given): S => {
  const issues = issuesOf(name, given)
  if (issues.length > 0) throw new InvalidPipeline({ pipeline: name, issues })
  const { cache, retry, timeout } = given
  const definition: StepDefinition = {
    kind: given.kind,
    inputs: { ...given.inputs },
    over: given.over,
    params: { ...given.params },
    run: given.run,
    when: given.when as StepDefinition["when"],
    key: given.key,
    files: given.files,
    env: given.env ?? [],
    version: given.version,
    cache: cache === undefined || cache === false
      ? undefined
      : { maxAgeMs: cache === true ? Infinity : Duration.toMillis(Duration.fromInputUnsafe(cache.maxAge)) },
    once: given.once ?? false,
    retry: typeof retry === "number" ? { times: retry } : retry,
    timeoutMs: timeout === undefined ? undefined : Duration.toMillis(Duration.fromInputUnsafe(timeout)),
    output: given.output as AnySchema | undefined,
    checkpoints: { ...given.checkpoints },
    checkpointsIgnore: given.checkpointsIgnore ?? [],
    keep: given.keep ?? 2,
    concurrency: given.concurrency,
    onItemError: given.onItemError ?? "fail",
    console: given.console ?? false,
    definedAt: callSite()
  }
  for (const schema of [...Object.values(definition.params), ...Object.values(definition.checkpoints), definition.output]) if (schema !== undefined) adopt(schema)
  // The types live in the type parameters alone; nothing of them exists at run time.
  return { [TypeId]: TypeId, name, definition } as S
}
