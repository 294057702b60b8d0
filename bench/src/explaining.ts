import { chain } from "./durableSteps.ts"
import { type Line, line, timed } from "./Line.ts"
import { withUniflow } from "./workspace.ts"

const STEPS = 1000

/** The most that either may take, in milliseconds. */
const MOST_MS = 100

/** 3: what it takes to tell what a run of 1,000 steps would do, and why each step of one ran. */
export const explaining = (rounds: number): Promise<ReadonlyArray<Line>> =>
  withUniflow(async (uniflow) => {
    const pipeline = chain("explained", STEPS)
    await uniflow.run(pipeline, { runId: "explained" })
    const explain: Array<{ value: number; against: number }> = []
    const plan: Array<{ value: number; against: number }> = []
    const fresh: Array<{ value: number; against: number }> = []
    for (let round = 0; round < rounds; round++) {
      explain.push({ value: await timed(async () => String(await uniflow.runs.explain("explained"))), against: MOST_MS })
      plan.push({ value: await timed(() => uniflow.plan(pipeline, { runId: "explained" })), against: MOST_MS })
      fresh.push({ value: await timed(() => uniflow.plan(pipeline)), against: MOST_MS })
    }
    const against = "the limit"
    const bar = { most: 1 }
    return [
      line({ name: "explain-1000-steps", unit: "ms", against, pairs: explain, bar }),
      line({ name: "dry-run-1000-steps", unit: "ms", against, pairs: plan, bar }),
      line({ name: "dry-run-1000-steps-new", unit: "ms", against, pairs: fresh, bar })
    ]
  })
