import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Pipeline, Step } from "@uniflow/core"
import { afterEach, beforeEach, expect, it } from "vitest"
import { NodeUniflow } from "../src/index.ts"

let directory: string
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "uniflow-retention-"))))
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const pipeline = Pipeline.make("p", { steps: [Step.make("a", { version: "1", run: () => 1 })] })

it("runs that the rules let go are removed after a run has ended, at the latest before UniFlow is closed", async () => {
  for (const runId of ["a", "b", "c"]) {
    const uniflow = await NodeUniflow.open({ directory, retention: { keepLast: 2 } })
    await uniflow.run(pipeline, { runId })
    if (runId === "a") await uniflow.runs.tag("a", { note: "not kept by this" })
    await uniflow.close()
  }
  const uniflow = await NodeUniflow.open({ directory })
  expect((await uniflow.runs.find().toArray()).map(({ id }) => id)).toEqual(["c", "b"])
  await uniflow.close()
})

it("rules that are none disturb no run", async () => {
  const warnings: Array<string> = []
  const listen = (warning: Error): void => void warnings.push(warning.message)
  process.on("warning", listen)
  const uniflow = await NodeUniflow.open({ directory, retention: { keepLast: -1 } })
  expect((await uniflow.run(pipeline, { runId: "a" })).outputs.a).toBe(1)
  await uniflow.close()
  await new Promise((resolve) => setImmediate(resolve))
  process.off("warning", listen)
  expect(warnings).toEqual([expect.stringContaining("keepLast must be a whole number")])
})
