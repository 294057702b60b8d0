import { compareGroups, compareRuns } from "@uniflow/compare"
import { Filter, JsonCodec, MemoryArtifactStore, MemoryRunStore, Metrics, Pipeline, Runner, Step, Uniflow } from "@uniflow/core"
import { Layer, Schema } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import { comparisonVerdict, groupVerdicts, sentenceText } from "../ui/src/parts/verdictSentences.ts"

const fit = Step.make("fit", {
  version: "1",
  params: { accuracy: Schema.Number, loss: Schema.Number, rate: Schema.Number, fail: Schema.Boolean },
  run: ({ params: { accuracy, fail, loss } }) => {
    if (fail) throw new Error("no luck")
    return Metrics.create({ accuracy, loss, size: 7 })
  }
})
const pipeline = Pipeline.make("p", { steps: [fit], goals: { accuracy: "maximize", loss: "minimize" } })
const aimless = Pipeline.make("aimless", { steps: [fit] })

const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
afterAll(() => uniflow.close())

let count = 0
const run = async (runId: string, accuracy: number, loss: number, { fail = false, goals = true, rate = 0 }: { readonly fail?: boolean; readonly goals?: boolean; readonly rate?: number } = {}): Promise<string> => {
  const id = `${runId}-${count++}`
  const options = { runId: id, params: { accuracy, loss, rate, fail } }
  await (goals ? uniflow.run(pipeline, options) : uniflow.run(aimless, options)).catch(() => {})
  return id
}
const verdict = async (...ids: ReadonlyArray<string>): Promise<string> => {
  const comparison = await uniflow.runPromise(compareRuns(ids))
  return ids.reduce((text, id) => text.replaceAll(id, id.replace(/-\d+$/, "")), sentenceText(comparisonVerdict(comparison.toJSON())))
}

describe("the verdict about runs", () => {
  it("says which of two is better, by points for shares and percent for the rest", async () => {
    const [a, b] = [await run("a", 0.91, 0.2), await run("b", 0.931, 0.178)]
    expect(await verdict(a, b)).toBe("b is better: accuracy +2.1 points (+2.31%) and loss -11%.")
    expect(await verdict(b, a)).toBe("a is worse: accuracy -2.1 points (-2.26%) and loss +12.4%.")
  })

  it("says where one is better and the other not, and what is equal", async () => {
    const [a, b, c, d] = [await run("a", 0.5, 2), await run("b", 0.6, 3), await run("c", 0.6, 2), await run("d", 0.5, 2)]
    expect(await verdict(a, b)).toBe("b is better in accuracy +10 points (+20%) and worse in loss +50%.")
    expect(await verdict(a, c)).toBe("c is better: accuracy +10 points (+20%); the same in loss.")
    expect(await verdict(a, d)).toBe("d is as good as a: the same in accuracy, loss.")
  })

  it("of more runs it names the best", async () => {
    const [a, b, c] = [await run("a", 0.5, 2), await run("b", 0.6, 3), await run("c", 0.7, 1)]
    expect(await verdict(a, b, c)).toBe("c is best: accuracy +20 points (+40%) and loss -50%.")
    expect(await verdict(c, a, b)).toBe("c, the baseline, is best: accuracy 0.7 and loss 1.")
    expect(await verdict(b, a, await run("d", 0.2, 4))).toBe("b is best in accuracy (0.6) and a in loss (-33.3%).")
  })

  it("tells of failures first, and never makes a verdict up", async () => {
    const [a, broken] = [await run("a", 0.5, 2), await run("broken", 0.5, 2, { fail: true })]
    expect(await verdict(a, broken)).toBe("broken failed in step fit. No metric with a goal is in both runs: 3 of 3 metrics differ.")
    expect(await verdict(await run("x", 1, 2, { goals: false }), await run("y", 1, 3, { goals: false }))).toBe("No metric with a goal is in both runs: 1 of 3 metrics differ.")
  })
})

describe("the verdict about groups", () => {
  it("says what is worse, by how much and how sure that is, and how many repeats what is open would take", async () => {
    const groups = [[0.01, [0.9, 0.91, 0.92, 0.905, 0.915], [1.1, 1.2, 1, 1.15, 1.05]], [0.03, [0.9, 0.92, 0.91, 0.9, 0.91], [1.3, 1.5, 1.4, 1.35, 1.45]]] as const
    for (const [rate, accuracies, losses] of groups) for (const [at, accuracy] of accuracies.entries()) await run("group", accuracy, losses[at]!, { rate })
    const comparison = await uniflow.runPromise(compareGroups({ where: Filter.parse("params.rate > 0"), groupBy: ["params.rate"] }))
    expect(groupVerdicts(comparison.toJSON()).map(sentenceText)).toEqual([
      expect.stringMatching(/^0\.03 is worse than 0\.01 in loss \+27\.3% \(95% interval \+0\.\d+ to \+0\.\d+\); accuracy \(about \d+ more\) is inconclusive\.$/)
    ])
  })
})
