/**
 * Which steps of a run are executed again: those that it recorded, as far as they can be without executing one that runs
 * at most once. A recorded output of such a step is given to the steps after it.
 */
import type { RunSnapshot } from "@uniflow/core"
import type { PlannedStep } from "./Execution.ts"

/** What is executed again, and what is not, with the reason. */
export interface ReproductionPlan {
  /** The steps to which the run goes, one after the other; undefined: all of it. */
  readonly until: ReadonlyArray<string> | undefined
  /** Steps whose recorded output is given to those after them. */
  readonly given: ReadonlySet<string>
  readonly notExecuted: ReadonlyMap<string, string>
  readonly trust: boolean
}

const GIVEN = "it runs at most once: its recorded output was given to the steps after it (--allow-once executes it again)"

/** Plans it by the steps as the code defines them, in their order. */
export const planReproduction = (planned: ReadonlyArray<PlannedStep>, { steps }: Pick<RunSnapshot, "steps">, allowOnce: boolean): ReproductionPlan => {
  const recorded = new Map(steps.filter(({ address, step }) => address === step).map((state) => [state.step, state]))
  // What recorded steps stand on: the present code may have put a new step before them.
  const needed = new Set(recorded.keys())
  for (const { inputs, name } of planned.toReversed()) if (needed.has(name)) for (const input of inputs) needed.add(input)
  const given = new Set<string>()
  const notExecuted = new Map<string, string>()
  let trust = false
  for (const { inputs, map, name, once } of planned) {
    const state = recorded.get(name)
    const before = inputs.find((input) => notExecuted.has(input) && !given.has(input))
    // Also of one whose output could be given: the runner comes to a step through all that it stands on.
    if (before !== undefined) notExecuted.set(name, `it stands on ${before}, which was not executed`)
    else if (once && !allowOnce && state !== undefined && state.outcome.output !== null && state.outcome.status !== "failed") {
      given.add(name)
      notExecuted.set(name, GIVEN)
      trust ||= map
    } else if (once && !allowOnce) notExecuted.set(name, "it runs at most once, and has no recorded output (--allow-once executes it again)")
    else if (!needed.has(name)) notExecuted.set(name, "the run did not come to it")
  }
  const wanted = planned.filter(({ name }) => !notExecuted.has(name))
  const all = planned.every(({ name }) => !notExecuted.has(name) || given.has(name))
  // The last ones: those on which no other wanted one stands.
  const last = wanted.filter(({ name }) => !wanted.some(({ inputs }) => inputs.includes(name)))
  return { until: all ? undefined : last.map(({ name }) => name), given, notExecuted, trust }
}
