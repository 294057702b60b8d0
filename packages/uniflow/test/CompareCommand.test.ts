import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeProject, type Project } from "./project.ts"

const config = `
import { defineConfig, Metrics, Pipeline, Schema, Step } from "uniflow"

const noise = [0.011, -0.004, 0.007, -0.013, 0.002]
const train = Step.make("train", {
  params: { rate: Schema.Number, at: Schema.Int },
  run: ({ params, metrics }) => {
    const accuracy = 0.5 + params.rate / 10 + noise[params.at]
    metrics.log({ loss: 1 - accuracy })
    return Metrics.create({ accuracy })
  }
})
export default defineConfig({ pipelines: [Pipeline.make("digits", { steps: [train], goals: { accuracy: "maximize", loss: "minimize" } })] })
`

let project: Project
beforeAll(async () => {
  project = makeProject({ "uniflow.config.ts": config })
  const { code, stderr } = await project.run("sweep", "digits", "--grid", "rate=1,3", "--grid", "at=0,1,2,3,4", "--id", "rates")
  expect([code, stderr]).toEqual([0, ""])
}, 60_000)
afterAll(() => project.remove())

const json = async (...args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await project.invoke(...args, "--json")
  return { code, stderr, json: stdout === "" ? undefined : JSON.parse(stdout) }
}
const compare = (...args: ReadonlyArray<string>) => project.invoke("experiment", "compare", ...args)
const ids = async (where: string): Promise<ReadonlyArray<string>> => (await project.invoke("experiment", "list", "--where", where, "--sort", "params.at", "--quiet")).stdout.trim().split("\n")

describe("experiment compare", { timeout: 60_000 }, () => {
  it("compares groups that repeat one another, found by a filter and parted by a param", async () => {
    const { stdout } = await compare("--pipeline", "digits", "--group-by", "params.rate")
    expect(stdout).toMatch(/^digits: 3 against 1 by params\.rate\n/)
    expect(stdout).toMatch(/^accuracy \(maximize\)\n {2}1 +5 +0\.6006 .*\n {2}3 +5 +0\.8006 .*\+0\.2 .*0\.016 +better$/m)
    expect(stdout).toContain("corrected for 2 verdicts (Holm)")
    const found = await json("experiment", "compare", "--where", "tags.sweep = 'rates'", "--group-by", "params.rate", "--metrics", "accuracy")
    expect(found.json).toMatchObject({ version: 1, groupBy: "params.rate", metrics: [{ name: "accuracy", groups: [{ n: 5 }, { n: 5, against: { judgement: { verdict: "better", p: 2 / 252 } } }] }] })
  })

  it("compares lists of runs, pair by pair", async () => {
    const one = await ids("params.rate = 1")
    const three = await ids("params.rate = 3")
    const { stdout } = await compare("--group", `before=${one.join(",")}`, "--group", `after=${three.join(",")}`, "--pair-by", "params.at", "--metrics", "accuracy")
    expect(stdout).toMatch(/^digits: after against before\n/)
    expect(stdout).toContain("too few pairs: 6 needed")
    expect((await compare(...one, "--group-by", "params.at")).stdout).toContain("4 groups against 0 by params.at")
  })

  it("ends with 7 where a condition of --fail-on holds, and tells each", async () => {
    const [one] = await ids("params.rate = 1")
    const [three] = await ids("params.rate = 3")
    const passed = await compare(one!, three!, "--fail-on", "metrics.accuracy drops > 0.01")
    expect(passed).toMatchObject({ code: 0, stderr: "" })
    expect(passed.stdout).toMatch(/✓ metrics\.accuracy drops > 0\.01 +0\.611 to 0\.811 \(\+0\.2, \+32\.7%\)\n1 check passed\.\n$/)
    const failed = await compare(three!, one!, "--fail-on", "metrics.accuracy drops > 0.01", "--fail-on", "metrics.loss rises > 900%", "--format", "md")
    expect(failed).toMatchObject({ code: 7, stderr: "" })
    expect(failed.stdout).toMatch(/^❌ \*\*1 of 2 checks failed\.\*\*\n/)
    const groups = await json("experiment", "compare", "--pipeline", "digits", "--group-by", "params.rate", "--fail-on", "metrics.loss worsens", "--fail-on", "run.duration rises > 1h")
    expect(groups).toMatchObject({ code: 0, json: { checks: [{ failed: false, subject: "3" }, { failed: false }] } })
    expect(await compare(one!, three!, "--fail-on", "accuracy < 1")).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be understood") })
  })

  it("compares with a baseline file, which holds what a build without a history needs", async () => {
    const written = await project.invoke("baseline", "write", "baseline.json", "--where", "params.rate = 3")
    expect(written).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Wrote 2 metrics of 5 runs to baseline\.json\./) })
    const file = JSON.parse(readFileSync(join(project.folder, "baseline.json"), "utf8"))
    expect(file).toMatchObject({ format: "uniflow-baseline", version: 1, pipeline: "digits", runs: { length: 5 } })
    const worse = await compare("--where", "params.rate = 1", "--against", "baseline.json", "--fail-on", "metrics.accuracy worsens")
    expect(worse.code).toBe(7)
    expect(worse.stdout).toMatch(/^digits: current against baseline\n/)
    expect(worse.stdout).toMatch(/✗ metrics\.accuracy worsens +0\.8006 to 0\.6006 \(-0\.2, -25%, worse\)/)
    const [one] = await ids("params.rate = 3")
    expect(await compare(one!, "--against", "baseline.json", "--fail-on", "metrics.accuracy drops > 0.02")).toMatchObject({ code: 0 })
    expect(await compare(one!, "--against", "missing.json")).toMatchObject({ code: 2, stderr: expect.stringContaining("uniflow baseline write missing.json") })
    writeFileSync(join(project.folder, "broken.json"), "{}")
    expect(await compare(one!, "--against", "broken.json")).toMatchObject({ code: 2, stderr: expect.stringContaining("broken.json: it is not a baseline") })
  })

  it("takes the pinned baseline of the experiment, which lists show the differences to", async () => {
    const [one] = await ids("params.rate = 1")
    const [three] = await ids("params.rate = 3")
    expect(await compare(one!)).toMatchObject({ code: 2, stderr: expect.stringContaining("uniflow baseline pin") })
    expect((await project.invoke("baseline", "pin", one!)).stdout).toBe(`${one} is the baseline of digits.\n`)
    expect((await project.invoke("baseline", "show", "digits")).stdout).toBe(`${one}\n`)
    expect((await compare(three!)).stdout).toMatch(new RegExp(`^digits: ${three} against ${one}\n`))
    expect((await compare(three!, one!)).stdout).toMatch(new RegExp(`^digits: ${three} against ${one}\n`))
    expect((await compare(one!, three!, "--baseline", three!)).stdout).toMatch(new RegExp(`^digits: ${one} against ${three}\n`))
    const { stdout } = await project.invoke("experiment", "list", "--where", "params.at = 0", "--sort", "params.rate")
    expect(stdout).toMatch(new RegExp(`${one}.*\\(baseline\\) .* 0\\.611 `))
    expect(stdout).toMatch(new RegExp(`${three} .* 0\\.811 \\+32\\.7% +0\\.189 -51\\.4%`))
    expect((await project.invoke("baseline", "pin", three!)).stdout).toBe(`${three} is the baseline of digits, instead of ${one}.\n`)
    expect((await compare("--pipeline", "digits", "--group-by", "params.rate")).stdout).toMatch(/^digits: 1 against 3 by params\.rate\n/)
    expect((await project.invoke("baseline", "unpin", "digits")).stdout).toBe(`digits has no baseline any more; it was ${three}.\n`)
    expect(await project.invoke("baseline", "unpin", "digits")).toMatchObject({ code: 4 })
  })

  it("prints CSV and one HTML file", async () => {
    const [one, three] = [(await ids("params.rate = 1"))[0]!, (await ids("params.rate = 3"))[0]!]
    expect((await compare(one, three, "--format", "csv")).stdout).toMatch(new RegExp(`^part,name,figure,${one},${three}\r\n(.*\r\n)*metric,accuracy,last,0\\.611,0\\.811\r\n`))
    expect((await compare(one, three, "--format", "html")).stdout).toMatch(/^<!doctype html>[^]*<\/html>\n$/)
    expect((await compare("--pipeline", "digits", "--group-by", "params.rate", "--format", "csv")).stdout).toMatch(/^accuracy,last,maximize,3,5,0,0,.*,better,,\r$/m)
  })

  it("says what cannot be asked for together, and what is missing", async () => {
    for (const [args, message] of [
      [[], "Say which runs"],
      [["a", "b", "--where", "params.rate = 1"], "not both"],
      [["--group", "a=b"], "at least twice"],
      [["--group", "a=b", "--group", "c=d", "--group-by", "params.rate"], "cannot be used together"],
      [["a", "b", "--pair-by", "run.seed"], "add --group-by"],
      [["--where", "params.rate >"], "cannot be read"],
      [["--where", "params.rate = 7"], "No run is like that"]
    ] as const) {
      const { code, stderr } = await compare(...args)
      expect(stderr).toContain(message)
      expect(code).toBe(message === "No run is like that" ? 4 : 2)
    }
  })

  it("shows the lines of code that differ", async () => {
    const [one] = await ids("params.rate = 1")
    project.write("uniflow.config.ts", config.replace("params.rate / 10", "params.rate / 20"))
    expect((await project.run("run", "digits", "--param", "rate=1", "--param", "at=0", "--run-id", "halved")).code).toBe(0)
    const short = await compare(one!, "halved")
    expect(short.stdout).toMatch(/run of train \(uniflow\.config\.ts\) +as it was +changed/)
    expect(short.stdout).toContain("The lines of code that differ: --code")
    const { stdout } = await compare(one!, "halved", "--code")
    expect(stdout).toContain("run of train (uniflow.config.ts) changed; reached by train")
    expect(stdout).toMatch(/\n {2}- +const accuracy = 0\.5 \+ params\.rate \/ 10 \+ noise\[params\.at\]\n {2}\+ +const accuracy = 0\.5 \+ params\.rate \/ 20 /)
  })
})
