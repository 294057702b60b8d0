import { type Code, CodeVersion, Step } from "@uniflow/core"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { ShallowCodeVersion } from "../src/index.ts"
import byDefault, { helper, train } from "./scoring.ts"
import * as all from "./scoring.ts"

const service = Effect.runSync(Effect.provide(CodeVersion, ShallowCodeVersion.layer()))
const codeOf = (step: Step.Any): Promise<Code> => {
  const { definedAt, files, key, run, when } = step.definition
  return Effect.runPromise(service.of({ step: step.name, functions: [run, when, key, files].filter((f) => f !== undefined), definedAt }))
}
const k = 3

describe("where a test runner transforms the code, a step", () => {
  it("that uses imports and module-level constants is accepted", async () => {
    const steps = [
      Step.make("imports", { run: ({ params }) => [helper(1), byDefault(2), all.helper(k), params] }),
      Step.make("method", { async run({ signal }) { return signal.aborted ? helper(k) : `${k}` } }),
      Step.make("imported", { run: train }),
      Step.make("made", { run: Effect.fn("made")(function*() { return yield* Effect.succeed(helper(k)) }) })
    ]
    for (const step of steps) expect(await codeOf(step)).toMatchObject({ kind: "shallow" })
  })

  it("that captures a binding of the test is not reused, and the reason names it", async () => {
    let calls = 0
    const step = Step.make("count", { run: () => ++calls })
    expect(await codeOf(step)).toMatchObject({ kind: "unknown", why: expect.stringMatching(/`calls`, a binding of an enclosing function \(UnderVitest\.test\.ts:28\)/) })
    for (const rate of [1, 2]) {
      expect(await codeOf(Step.make("rate", { run: () => helper(rate) }))).toMatchObject({ kind: "unknown", why: expect.stringContaining("`rate`, a variable of a loop") })
    }
  })
})
