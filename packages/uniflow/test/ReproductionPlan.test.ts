import type { RunSnapshot, StepState } from "@uniflow/core"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import type { PlannedStep } from "../src/cli/reproduce/Execution.ts"
import { planReproduction } from "../src/cli/reproduce/ReproductionPlan.ts"

const step = (name: string, inputs: ReadonlyArray<string> = [], more: Partial<PlannedStep> = {}): PlannedStep => ({ name, inputs, once: false, map: false, ...more })

/** A record with these steps: `!` before a name says that it failed. */
const recorded = (...names: ReadonlyArray<string>): Pick<RunSnapshot, "steps"> => ({
  steps: names.map((given) => {
    const name = given.replace("!", "")
    const outcome = { status: given === name ? "completed" : "failed", output: given === name ? {} : null }
    return { address: name, step: name, outcome, record: outcome } as unknown as StepState
  })
})

/** What is executed of the steps, or given to those that are. */
const reached = (planned: ReadonlyArray<PlannedStep>, until: ReadonlyArray<string> | undefined): ReadonlySet<string> => {
  const names = new Set(until ?? planned.map(({ name }) => name))
  for (const { inputs, name } of planned.toReversed()) if (names.has(name)) for (const input of inputs) names.add(input)
  return names
}

const line = [step("load"), step("pay", ["load"], { once: true }), step("mail", ["pay"], { once: true, map: true }), step("report", ["mail"]), step("beside", ["load"])]

it("all of a completed run is executed, and outputs of what runs at most once are given", () => {
  const { given, until, trust, notExecuted } = planReproduction(line, recorded("load", "pay", "mail", "report", "beside"), false)
  expect([until, [...given], trust, [...notExecuted.keys()]]).toEqual([undefined, ["pay", "mail"], true, ["pay", "mail"]])
  expect(planReproduction(line, recorded("load", "pay", "mail", "report", "beside"), true)).toEqual({ until: undefined, given: new Set(), notExecuted: new Map(), trust: false })
})

it("nothing that stands on an unknown outcome is executed, nor what the run did not come to", () => {
  const { given, until, notExecuted } = planReproduction(line, recorded("load", "!pay", "beside"), false)
  expect([until, [...given]]).toEqual([["beside"], []])
  expect(Object.fromEntries(notExecuted)).toEqual({
    pay: "it runs at most once, and has no recorded output (--allow-once executes it again)",
    mail: "it stands on pay, which was not executed",
    report: "it stands on mail, which was not executed"
  })
  expect(planReproduction([step("a"), step("b", ["a"]), step("c", ["b"])], recorded("a", "!b"), false)).toMatchObject({ until: ["b"], notExecuted: new Map([["c", "the run did not come to it"]]) })
})

it("what runs at most once is not executed to come to one whose output is known", () => {
  const planned = [step("pay", [], { once: true }), step("mail", ["pay"], { once: true }), step("report", ["mail"])]
  expect(planReproduction(planned, recorded("!pay", "mail", "report"), false)).toMatchObject({ until: [], given: new Set() })
})

it("a step that the present code put before recorded ones is executed with them", () => {
  expect(planReproduction([step("new"), step("a", ["new"])], recorded("a"), false)).toMatchObject({ until: undefined, notExecuted: new Map() })
})

it("no step that runs at most once is ever executed, whatever the graph and the record (property)", () => {
  const graph = fc.array(fc.record({ inputs: fc.array(fc.nat(20), { maxLength: 3 }), once: fc.boolean(), map: fc.boolean(), state: fc.constantFrom("", "", "!", undefined) }), { minLength: 1, maxLength: 12 })
  fc.assert(fc.property(graph, (nodes) => {
    const planned = nodes.map(({ inputs, map, once }, at) => step(`s${at}`, at === 0 ? [] : inputs.map((input) => `s${input % at}`), { once, map }))
    const names = nodes.flatMap(({ state }, at) => (state === undefined ? [] : [`${state}s${at}`]))
    const { given, until, notExecuted } = planReproduction(planned, recorded(...names), false)
    for (const { name, once } of planned) {
      const executes = reached(planned, until).has(name) && !given.has(name)
      if (executes) expect([name, once, notExecuted.has(name)]).toEqual([name, false, false])
      // What is neither executed nor explained would be missing without a word.
      else expect([name, notExecuted.has(name)]).toEqual([name, true])
    }
  }), { numRuns: 500 })
})
