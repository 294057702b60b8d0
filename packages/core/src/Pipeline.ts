/**
 * A pipeline: a validated, acyclic graph of steps. Pure data; a runner runs it.
 *
 * The steps above the listed ones are included by themselves. Cycles, two steps of one name, a param that steps
 * declare differently: refused here, with the names; by the compiler where it can see them.
 */
import * as AnySchema from "./AnySchema.ts"
import type { Any as AnyStep, ErrorOf, ParamsOf, RequirementsOf, StepsOf } from "./Step.ts"
import { isStep, nameIssue } from "./Step.ts"
import { InvalidPipeline } from "./UniflowError.ts"

const TypeId = "~@uniflow/core/Pipeline"

/**
 * A pipeline. `P` are the params to give, `O` the outputs by step name, `E` the errors of Effects, `R` their
 * requirements.
 */
export interface Pipeline<out Name extends string, out P, out O, out E = never, out R = never> {
  readonly [TypeId]: { readonly params: P; readonly outputs: O; readonly error: E; readonly requirements: R }
  readonly name: Name
  readonly experiment: string
  readonly goals: Goals
  /** Every step, each after the steps it reads. */
  readonly steps: ReadonlyArray<AnyStep>
  /** Every param with its schema. */
  readonly params: AnySchema.Fields
}

/** Any pipeline. */
export type Any = Pipeline<string, unknown, unknown, unknown, unknown>

export type Params<P extends Any> = P[typeof TypeId]["params"]
export type Outputs<P extends Any> = P[typeof TypeId]["outputs"]
export type Error<P extends Any> = P[typeof TypeId]["error"]
export type Requirements<P extends Any> = P[typeof TypeId]["requirements"]

/** Which way of a metric is better. */
export interface Goals {
  readonly [metric: string]: "maximize" | "minimize"
}

type KeysOf<U> = U extends unknown ? keyof U : never
type IsUnion<T, U = T> = [T] extends [never] ? false : T extends unknown ? ([U] extends [T] ? false : true) : never
type ValuesAt<U, K> = U extends unknown ? K extends keyof U ? [U[K]] : never : never

/** Keys under which the records of a union hold different types. */
type Conflicts<U, K extends PropertyKey = KeysOf<U>> = K extends unknown ? IsUnion<ValuesAt<U, K>> extends true ? K : never : never

type Intersect<U> = (U extends unknown ? (x: U) => void : never) extends (x: infer I) => void ? I : never
type Merged<U> = [U] extends [never] ? {} : { [K in keyof Intersect<U>]: Intersect<U>[K] } & {}

/** Refuses steps whose params or names contradict each other, with the names in the message. */
type Consistent<S extends AnyStep> = [Conflicts<ParamsOf<S>>] extends [never]
  ? [Conflicts<StepsOf<S>>] extends [never] ? unknown
  : { readonly "~conflict": `Two different steps are named "${Conflicts<StepsOf<S>> & string}"` }
  : { readonly "~conflict": `Steps declare param "${Conflicts<ParamsOf<S>> & string}" with different types` }

export interface PipelineOptions<S extends AnyStep> {
  /** The steps to run; those they read, and so on upwards, are included. */
  readonly steps: ReadonlyArray<S> & Consistent<S>
  /** Which way of a metric is better; used by comparison. */
  readonly goals?: Goals
  /** The group its runs belong to. Default: the pipeline's name. */
  readonly experiment?: string
}

/**
 * Makes a pipeline.
 *
 * @throws InvalidPipeline when steps, names or params contradict each other, with one sentence for each.
 */
export const make = <const Name extends string, S extends AnyStep>(
  name: Name,
  options: PipelineOptions<S>
): Pipeline<Name, Merged<ParamsOf<S>>, Merged<StepsOf<S>>, ErrorOf<S>, RequirementsOf<S>> => {
  const issues: Array<string> = []
  for (const issue of [nameIssue(name), options.experiment === undefined ? undefined : nameIssue(options.experiment)]) {
    if (issue !== undefined) issues.push(issue)
  }
  if (!Array.isArray(options.steps) || options.steps.length === 0) issues.push("It lists no steps.")
  const steps = inOrder(options.steps, issues)
  const params = paramsOf(steps, issues)
  for (const [metric, goal] of Object.entries(options.goals ?? {})) {
    if (goal !== "maximize" && goal !== "minimize") issues.push(`The goal of metric "${metric}" is "${String(goal)}"; it must be maximize or minimize.`)
  }
  if (issues.length > 0) throw new InvalidPipeline({ pipeline: String(name), issues })
  const pipeline: Omit<Any, typeof TypeId> = { name, experiment: options.experiment ?? name, goals: { ...options.goals }, steps, params }
  // The types live in the type parameters alone; nothing of them exists at run time.
  return { [TypeId]: TypeId, ...pipeline } as unknown as ReturnType<typeof make<Name, S>>
}

/** Whether a value is a pipeline. */
export const isPipeline = (u: unknown): u is Any => typeof u === "object" && u !== null && TypeId in u

/** The steps that a step reads, under the names it reads them by; what a map goes over stands as `over`. */
export const inputsOf = (step: AnyStep): ReadonlyArray<readonly [name: string, step: AnyStep]> =>
  step.definition.over === undefined
    ? Object.entries(step.definition.inputs)
    : [["over", step.definition.over], ...Object.entries(step.definition.inputs)]

const inOrder = (listed: ReadonlyArray<AnyStep>, issues: Array<string>): Array<AnyStep> => {
  const ordered: Array<AnyStep> = []
  const state = new Map<AnyStep, "open" | "done">()
  const named = new Map<string, AnyStep>()
  // An explicit stack: a chain of steps may be longer than the call stack is deep.
  const visit = (root: AnyStep): void => {
    const stack: Array<{ readonly step: AnyStep; readonly inputs: ReadonlyArray<AnyStep>; next: number }> = []
    const open = (step: AnyStep): void => {
      const other = named.get(step.name)
      if (other !== undefined && other !== step) issues.push(`Two different steps are named "${step.name}".`)
      named.set(step.name, step)
      state.set(step, "open")
      stack.push({ step, inputs: inputsOf(step).map(([, input]) => input), next: 0 })
    }
    open(root)
    while (stack.length > 0) {
      const top = stack.at(-1)!
      const input = top.inputs[top.next++]
      if (input === undefined) {
        state.set(top.step, "done")
        ordered.push(top.step)
        stack.pop()
      } else if (state.get(input) === "open") {
        const from = stack.findIndex(({ step }) => step === input)
        issues.push(`Steps read each other in a circle: ${[...stack.slice(from).map(({ step }) => step.name), input.name].join(" <- ")}.`)
      } else if (!state.has(input)) open(input)
    }
  }
  for (const [at, step] of (listed ?? []).entries()) {
    if (!isStep(step)) issues.push(`Entry ${at} of steps is not a step${step === undefined ? " (it is undefined: is it defined further down?)" : ""}.`)
    else if (!state.has(step)) visit(step)
  }
  return ordered
}

const paramsOf = (steps: ReadonlyArray<AnyStep>, issues: Array<string>): AnySchema.Fields => {
  const params: Record<string, AnySchema.AnySchema> = {}
  const owners = new Map<string, string>()
  for (const { name, definition } of steps) {
    for (const [param, schema] of Object.entries(definition.params)) {
      const other = Object.hasOwn(params, param) ? params[param] : undefined
      if (other !== undefined && other !== schema && AnySchema.identity(other) !== AnySchema.identity(schema)) {
        issues.push(`Steps "${owners.get(param)}" and "${name}" declare param "${param}" differently.`)
      }
      Object.defineProperty(params, param, { value: schema, enumerable: true, configurable: true, writable: true })
      owners.set(param, name)
    }
  }
  return params
}

