import { afterEach, beforeEach, expect, it } from "vitest"
import { makeProject, type Project } from "./project.ts"

let project: Project
beforeEach(() => {
  project = makeProject({
    "uniflow.config.ts": `import { defineConfig } from "uniflow"\nimport { shop } from "./shop.ts"\nexport default defineConfig({ pipelines: [shop] })\n`,
    "package-lock.json": "{}",
    "shop.ts": `import { Pipeline, Step } from "uniflow"
import { prices } from "./prices.ts"
import { total } from "./total.ts"
const load = Step.make("load", { cache: true, run: () => prices() })
const sum = Step.make("sum", { inputs: { prices: load }, run: ({ inputs }) => total(inputs.prices) })
const report = Step.make("report", { inputs: { sum }, run: ({ inputs }) => \`It comes to \${inputs.sum}.\` })
export const shop = Pipeline.make("shop", { steps: [report] })
`,
    "prices.ts": `export const prices = (): Array<number> => [1, 2, tax(3)]\nconst tax = (n: number): number => n + RATE\nconst RATE = 1\nexport const unused = 1\n`,
    "total.ts": `export const total = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0)\n`
  })
})
afterEach(() => project.remove())

const explained = async (id: string) => {
  const { stdout } = await project.run("explain", id, "--json")
  const { steps } = JSON.parse(stdout) as { steps: ReadonlyArray<{ name: string; decision: string; reasons: ReadonlyArray<{ component: string; note?: string; sourceRun?: string }> }> }
  return Object.fromEntries(steps.map(({ decision, name, reasons }) => [name, [decision, ...reasons.map(({ component, note, sourceRun }) => [component, note ?? sourceRun].filter((each) => each !== undefined).join(": "))]]))
}

it("an edit that leaves a step's bytes unchanged runs that step alone, and the function and its file are named", { timeout: 60_000 }, async () => {
  expect((await project.run("run", "shop", "--run-id", "a")).code).toBe(0)
  expect(await explained("a")).toEqual({ load: ["executed", "first"], sum: ["executed", "first"], report: ["executed", "first"] })

  project.write("prices.ts", `export const prices = (): Array<number> => [1, 2, tax(3)]\nconst tax = (n: number): number => RATE + n\nconst RATE = 1\nexport const unused = 2\n`)
  const planned = await project.run("run", "shop", "--run-id", "a", "--dry-run")
  expect(planned.stdout).toMatch(/load +executed .*tax \(prices\.ts\) changed/)
  expect((await project.run("run", "shop", "--run-id", "a")).code).toBe(0)
  expect(await explained("a")).toEqual({ load: ["executed", "code: tax (prices.ts) changed"], sum: ["restored", "match"], report: ["restored", "match"] })

  // Another run takes what was seen whole, without a version.
  expect((await project.run("run", "shop", "--run-id", "b")).code).toBe(0)
  expect((await explained("b"))["load"]).toEqual(["cached", "cache: a"])

  // What no step reaches counts for none.
  project.write("total.ts", `// The sum.\nexport const total = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0)\nexport const mean = 1\n`)
  expect((await project.run("run", "shop", "--run-id", "a")).code).toBe(0)
  expect(await explained("a")).toEqual({ load: ["restored", "match"], sum: ["restored", "match"], report: ["restored", "match"] })
})
