import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Uniflow } from "uniflow"
import { afterAll, beforeAll, expect, it } from "vitest"
import * as Command from "../src/Command.ts"

const cwd = fileURLToPath(new URL("..", import.meta.url))
const EPOCHS = 5
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "uniflow-digits-"))
})

afterAll(() => rm(directory, { recursive: true, force: true }))

const start = (runId: string, folder: string): Command.Running =>
  Command.start(
    ["run", "digits", "--run-id", runId, "--param", "learningRate=0.03", "--param", `epochs=${EPOCHS}`, "--directory", join(directory, folder)],
    { cwd }
  )

const finish = async (running: Command.Running): Promise<void> => {
  const { code, output } = await running.ended
  expect(code, output).toBe(0)
}

/** Kills a run in its third epoch or soon after: the first one's checkpoint is durable by then. */
const kill = async (uniflow: Uniflow.Uniflow, runId: string, running: Command.Running): Promise<void> => {
  const over = running.ended.then(({ output }) => Promise.reject(new Error(`it ended too early: ${output}`)))
  const secondPoint = async (): Promise<void> => {
    while ((await uniflow.runs.find().toArray()).every(({ id }) => id !== runId)) await new Promise((resolve) => setTimeout(resolve, 20))
    for await (const event of uniflow.watch(runId)) if (event._tag === "Metric" && event.key === "loss" && event.index >= 2) return
  }
  await Promise.race([secondPoint(), over])
  over.catch(() => {})
  running.kill("SIGKILL")
  expect((await running.ended).signal).toBe("SIGKILL")
}

const outcome = async (uniflow: Uniflow.Uniflow, runId: string) => {
  const { artifacts, metrics } = await uniflow.runs.get(runId)
  const loss = await uniflow.runs.metric(runId, "loss")
  return {
    artifacts: artifacts.map(({ digest, name }) => `${name} ${digest}`).sort(),
    metrics,
    loss: loss.map(({ fromIndex, last }) => [fromIndex, last])
  }
}

it("a training that was killed goes on from its last epoch and ends as one that was not", { timeout: 60_000 }, async () => {
  const uniflow = await Uniflow.open({ directory: join(directory, "killed") })
  const apart = await Uniflow.open({ directory: join(directory, "whole") })
  const whole = finish(start("whole", "whole"))
  await kill(uniflow, "killed", start("killed", "killed"))
  await finish(start("killed", "killed"))
  await whole
  const killed = await outcome(uniflow, "killed")
  expect(killed).toEqual(await outcome(apart, "whole"))
  expect(killed.loss.map(([epoch]) => epoch)).toEqual([1, 2, 3, 4, 5])
  expect(killed.metrics["accuracy"]).toBeGreaterThan(0.85)
  const decisions = Object.fromEntries((await uniflow.runs.explain("killed")).steps.map((step) => [step.name, step]))
  expect(decisions["load"]?.decision).toBe("restored")
  expect(decisions["train"]?.reasons.map(({ component }) => component)).toEqual(["interrupted", "checkpoint"])
  await Promise.all([uniflow.close(), apart.close()])
})
