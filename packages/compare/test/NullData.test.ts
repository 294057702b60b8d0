/**
 * Two groups of one distribution: a verdict is a false one, and may come in 5 of 100 comparisons, however many metrics there are.
 */
import { assert, describe, it } from "@effect/vitest"
import { SeededStream } from "@uniflow/core"
import { compareMeasured, type GroupVerdict, type MeasuredMetric, type RunGroup } from "../src/index.ts"

const TRIALS = 2_000

type Draw = (random: SeededStream) => number

const distributions: { readonly [name: string]: Draw } = {
  normal: (random) => random.normal(),
  skewed: (random) => Math.exp(random.normal()),
  "of few values": (random) => random.int(0, 3) / 4
}

const group = (name: string, n: number, metrics: number, random: SeededStream, draw: Draw, shared: ReadonlyArray<number>): RunGroup => ({
  name,
  runs: Array.from({ length: n }, (_, at) => ({ id: `${name} ${at}`, durationMs: undefined, pair: String(at) })),
  metrics: Array.from({ length: metrics }, (_, at): MeasuredMetric => ({
    name: `metric ${at}`,
    step: "step",
    key: `metric ${at}`,
    goal: at % 2 === 0 ? "maximize" : "minimize",
    items: false,
    values: Array.from({ length: n }, (_, run) => {
      const value = draw(random) + (shared[run] ?? 0)
      return { last: value, min: value, max: value, mean: value }
    })
  }))
})

/** The share of comparisons with any verdict. */
const falseVerdicts = (n: number, m: number, metrics: number, draw: Draw, paired: boolean): number => {
  const random = new SeededStream([n, m, metrics, 20231027])
  let wrong = 0
  for (let trial = 0; trial < TRIALS; trial++) {
    const shared = paired ? Array.from({ length: Math.max(n, m) }, () => 3 * random.normal()) : []
    const comparison = compareMeasured(
      [group("a", n, metrics, random, draw, shared), group("b", m, metrics, random, draw, shared)],
      { pairBy: paired ? "run.seed" : undefined, intervals: false }
    )
    const verdicts = comparison.metrics.map(({ groups }): GroupVerdict | undefined => groups[1]?.against?.judgement?.verdict)
    if (verdicts.some((verdict) => verdict !== "inconclusive")) wrong++
  }
  return wrong / TRIALS
}

const cases: ReadonlyArray<readonly [what: string, n: number, m: number, metrics: number, distribution: keyof typeof distributions, paired: boolean]> = [
  ["5 against 5", 5, 5, 1, "normal", false],
  ["4 against 9", 4, 9, 1, "normal", false],
  ["8 against 8", 8, 8, 1, "normal", false],
  ["three metrics of 6 against 6", 6, 6, 3, "normal", false],
  ["8 pairs", 8, 8, 1, "normal", true],
  ["5 against 5", 5, 5, 1, "skewed", false],
  ["4 against 9", 4, 9, 1, "skewed", false],
  ["5 against 5", 5, 5, 1, "of few values", false],
  ["8 pairs", 8, 8, 1, "of few values", true]
]

describe("null data", () => {
  for (const [what, n, m, metrics, distribution, paired] of cases) {
    it(`${what}, ${distribution}: at most 6.5 percent of 2,000 comparisons have a verdict`, () => {
      assert.isAtMost(falseVerdicts(n, m, metrics, distributions[distribution]!, paired), 0.065)
    })
  }

  it("is not bought by never giving a verdict: a normal distribution gives nearly its 5 percent", () => {
    assert.isAtLeast(falseVerdicts(8, 8, 1, distributions["normal"]!, false), 0.035)
  })
})
