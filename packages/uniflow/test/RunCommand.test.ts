import { RunEvent } from "@uniflow/core"
import { Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { config, makeProject, type Project } from "./project.ts"

let project: Project
beforeEach(() => {
  project = makeProject({ "uniflow.config.ts": config })
})
afterEach(() => project.remove())

const jsonLines = (text: string): ReadonlyArray<Record<string, unknown>> => text.trim().split("\n").map((line) => JSON.parse(line))
const loads = () => readFileSync(join(project.folder, "loads"), "utf8").length

describe("uniflow run", { timeout: 60_000 }, () => {
  it("runs a pipeline of the config, tells each event in a line, and ends with a receipt and 0", async () => {
    project.write("go", "")
    const { code, stderr, stdout } = await project.run("run", "digits", "--run-id", "a", "--param", "learningRate=0.5", "--tag", "kind=first=try")
    expect(stderr).toBe("")
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d {2}run a of digits, attempt 1$/m)
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d {2}load {2}executed in .* \(nothing was saved yet\)$/m)
    expect(stdout.indexOf("train  started")).toBeLessThan(stdout.indexOf("train  begins after epoch 0"))
    expect(stdout).toContain("✓ digits completed in")
    expect(stdout).toContain("  3 executed\n")
    expect(stdout).toMatch(/accuracy {2}0\.5 {2}maximize/)
    expect(stdout).toContain("uniflow explain a ")
    // oxlint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/\x1b/)
    const again = await project.run("run", "digits", "--run-id", "a", "--param", "learningRate=0.5")
    expect(again.code).toBe(0)
    expect(again.stdout).toMatch(/ {2}3 restored {2}saved /)
    expect(loads()).toBe(1)
    const changed = await project.run("run", "digits", "--run-id", "a", "--param", "learningRate=0.25")
    expect(changed).toMatchObject({ code: 2, stdout: "" })
    expect(changed.stderr).toMatch(/^error: Run "a" was started with other params: learningRate was 0\.5, is 0\.25\..*\n$/)
    const other = await project.run("run", "digits", "--run-id", "b", "--param", "learningRate=0.25", "--quiet")
    expect(other).toMatchObject({ code: 0, stdout: "b\n", stderr: "" })
    expect(loads()).toBe(1)
    const planned = await project.run("run", "digits", "--run-id", "b", "--param", "learningRate=0.25", "--rerun", "train", "--dry-run", "--json")
    expect(JSON.parse(planned.stdout)).toMatchObject({
      pipeline: "digits",
      runId: "b",
      steps: [{ name: "load", action: "restore" }, { name: "train", action: "execute", reasons: [{ component: "rerun" }] }, { name: "evaluate", action: "depends", dependsOn: "train" }]
    })
    expect((await project.run("run", "digits", "--run-id", "b", "--param", "learningRate=0.25", "--dry-run")).stdout).toMatch(/train +restored +nothing that it depends on has changed/)
  })

  it("with --json stdout holds events and at last the result, and nothing that a step prints", async () => {
    project.write("go", "")
    const { code, stderr, stdout } = await project.run("run", "digits", "--run-id", "j", "-p", "learningRate=0.5", "--json")
    expect(code).toBe(0)
    expect(stderr).toBe("printed by load\n")
    const lines = jsonLines(stdout)
    for (const line of lines.slice(0, -1)) Schema.decodeUnknownSync(RunEvent)(line)
    expect(lines[0]).toMatchObject({ _tag: "RunStarted", runId: "j" })
    expect(lines.at(-2)).toMatchObject({ _tag: "RunEnded", status: "completed" })
    expect(lines.at(-1)).toMatchObject({
      _tag: "Result",
      runId: "j",
      status: "completed",
      exitCode: 0,
      counts: { executed: 3, restored: 0 },
      metrics: { accuracy: 0.5, loss: 0.1 },
      decisions: { load: { decision: "executed" } }
    })
  })

  it("fork makes a new run from another one, takes over what answers, and says what differs", async () => {
    project.write("go", "")
    expect((await project.run("run", "digits", "--run-id", "a", "--param", "learningRate=0.5", "-q")).code).toBe(0)
    const forked = await project.run("fork", "a", "--run-id", "b", "--param", "learningRate=0.25")
    expect(forked.stderr).toBe("")
    expect(forked.code).toBe(0)
    expect(forked.stdout).toMatch(/ {2}1 cached · 2 executed/)
    expect(forked.stdout).toMatch(/uniflow experiment compare a b +against the run that it was forked from/)
    expect(forked.stdout).toMatch(/^ {2}Against a, its parent\n {4}learningRate +0\.5 +0\.25\n {4}accuracy +0\.5 +0\.75 +\+50% +better\n {4}loss +0\.1 +0\.05 +-50% +better\n$/m)
    expect(loads()).toBe(1)
    const explained = await project.run("explain", "b")
    expect(explained.stdout).toContain("taken over from run a")
    expect(explained.stdout).toContain("param learningRate: 0.5 -> 0.25")
    const again = await project.run("fork", "a", "--from", "load", "--json")
    const { comparison, ...result } = jsonLines(again.stdout).at(-1)!
    expect(result).toMatchObject({ _tag: "Result", counts: { executed: 3 }, parent: "a" })
    expect(comparison).toMatchObject({ runs: [{ id: "a" }, { id: result["runId"] }], params: [], metrics: [] })
    expect(loads()).toBe(2)
    expect(await project.run("fork", "nobody")).toMatchObject({ code: 4, stdout: "" })
    expect((await project.run("fork", "a", "--from", "laod")).stderr).toMatch(/^error: .*laod.*load/)
    expect((await project.run("fork", "a", "--run-id", "a")).stderr).toMatch(/^error: runId: run "a" is no fork of "a"/)
  })

  it("--until, --only and --from do a part of a run, which resume goes on with", async () => {
    project.write("go", "")
    const a = ["run", "digits", "--run-id", "a", "--param", "learningRate=0.5"]
    const until = await project.run(...a, "--until", "train")
    expect(until).toMatchObject({ code: 0, stderr: "" })
    expect(until.stdout).toMatch(/digits interrupted after .*, and can be resumed/)
    expect(until.stdout).toMatch(/ {2}2 executed · 1 not reached/)
    const planned = await project.run(...a, "--until", "train", "--dry-run", "--json")
    expect(JSON.parse(planned.stdout).steps).toMatchObject([{ name: "load", action: "restore" }, { name: "train", action: "restore" }])
    const only = await project.run(...a, "--only", "evaluate", "--json")
    expect(jsonLines(only.stdout).at(-1)).toMatchObject({ status: "completed", counts: { restored: 2, executed: 1 } })
    const from = await project.run("resume", "a", "--from", "train", "--json")
    expect(jsonLines(from.stdout).at(-1)).toMatchObject({ status: "completed", counts: { restored: 1, executed: 2 } })
    expect(loads()).toBe(1)
    const refused = await project.run("run", "digits", "--run-id", "b", "--param", "learningRate=0.5", "--only", "train")
    expect(refused).toMatchObject({ code: 2, stdout: "" })
    expect(refused.stderr).toMatch(/"train" stands on "load".*run that one first/)
    expect((await project.run(...a, "--until", "trian")).stderr).toMatch(/^error: .*trian.*train/)
    expect((await project.run(...a, "--until", "train", "--only", "train")).code).toBe(2)
  })

  it("sweep runs every combination, shares what is cached, and ends with a table and its id", async () => {
    project.write("go", "")
    const swept = await project.run("sweep", "digits", "--grid", "learningRate=0.5,0.25", "--repeats", "2", "--id", "s")
    expect(swept.stderr).toBe("")
    expect(swept.code).toBe(0)
    expect(swept.stdout).toMatch(/✓ 4 {2}s-[0-9a-f]{12} {2}accuracy/)
    expect(swept.stdout).toMatch(/run +learningRate +seed +accuracy/)
    expect(swept.stdout).toMatch(/✓ 4 runs of digits in .* s\n/)
    expect(loads()).toBe(1)
    const listed = await project.run("experiment", "list", "--tag", "sweep=s", "-q")
    expect(listed.stdout.trim().split("\n")).toHaveLength(4)
    const again = await project.run("sweep", "digits", "--grid", "learningRate=0.5,0.25", "--repeats", "2", "--id", "s", "--json")
    expect(jsonLines(again.stdout).at(-1)).toMatchObject({ _tag: "Result", sweep: "s", exitCode: 0, counts: { completed: 4, failed: 0, notBegun: 0 } })
    const drawn = await project.run("sweep", "digits", "--random", "learningRate=log:0.01,1", "--count", "3", "-q")
    expect(drawn.stdout.trim().split("\n")).toHaveLength(3)
    for (const [args, message] of [
      [["--grid", "rate=1"], "no such param"],
      [["--grid", "learningRate=fast"], "learningRate"],
      [["--random", "learningRate=normal:0,1"], "write it as uniform:0,1"],
      [["--grid", "learningRate=1", "--param", "learningRate=2"], "in two ways"],
      [["--grid", "learningRate=1", "--seeds", "a"], "--seeds must be whole numbers"]
    ] as const) {
      const refused = await project.run("sweep", "digits", ...args)
      expect(refused).toMatchObject({ code: 2, stdout: "" })
      expect(refused.stderr).toContain(message)
    }
  })

  it("Ctrl-C stops a sweep, and the same one again goes on with what is missing", async () => {
    const args = ["sweep", "digits", "--grid", "learningRate=0.5,0.25", "--concurrency", "1", "--id", "s"] as const
    const started = project.start(...args)
    await new Promise<void>((resolve) => {
      const look = setInterval(async () => {
        const { stdout } = await project.invoke("experiment", "list", "--json")
        if (!stdout.includes("running")) return
        clearInterval(look)
        resolve()
      }, 200)
    })
    started.child.kill("SIGINT")
    const stopped = await started.ended
    expect(stopped.code).toBe(130)
    expect(stopped.stderr).toContain("The same command again goes on")
    project.write("go", "")
    expect((await project.run(...args)).code).toBe(0)
    expect(loads()).toBe(1)
  })

  it("Ctrl-C stops it gracefully with 130, tells how to resume, and resuming goes on from the checkpoint", async () => {
    const started = project.start("run", "digits", "--run-id", "cut", "--param", "learningRate=0.5")
    await started.says("waits")
    started.child.kill("SIGINT")
    const interrupted = await started.ended
    expect(interrupted).toMatchObject({ code: 130, signal: null })
    expect(interrupted.stderr).toContain("Stopping")
    expect(interrupted.stdout).toContain("■ digits interrupted after")
    expect(interrupted.stdout).toContain("uniflow resume cut")
    expect(interrupted.stderr).toContain("interrupted: Run \"cut\" was interrupted (Ctrl-C). Resume it: uniflow resume cut.")
    project.write("go", "")
    const resumed = await project.run("resume", "last-failed")
    expect(resumed.code).toBe(0)
    expect(resumed.stderr).toMatch(/^Resuming cut \(digits, interrupted .*\)\n$/)
    expect(resumed.stdout).toContain("run cut of digits, attempt 2")
    expect(resumed.stdout).toContain("begins after epoch 3")
    expect(resumed.stdout).not.toContain("begins after epoch 0")
    expect(resumed.stdout).toContain("1 restored · 2 executed")
    expect(loads()).toBe(1)
    const none = await project.run("resume", "last-failed")
    expect(none).toMatchObject({ code: 4, stderr: expect.stringContaining("there is nothing to resume") })
  })

  it("SIGTERM stops it gracefully, too, with 143; a second signal ends it at once", async () => {
    const first = project.start("run", "digits", "--run-id", "term", "--param", "learningRate=0.5", "--json")
    await first.says("waits")
    first.child.kill("SIGTERM")
    const ended = await first.ended
    expect(ended.code).toBe(143)
    expect(jsonLines(ended.stdout).at(-1)).toMatchObject({ _tag: "Result", status: "interrupted", exitCode: 143 })
    expect(JSON.parse(ended.stderr.trim().split("\n").at(-1)!)).toMatchObject({ error: { code: "RunInterrupted" } })
    project.write("uniflow.config.ts", `
      import { defineConfig, Pipeline, Step } from "uniflow"
      const stubborn = Step.make("stubborn", { version: "1", run: ({ log }) => { log("waits"); return new Promise<void>(() => setInterval(() => {}, 1000)) } })
      process.on("SIGINT", () => process.stderr.write("heard\\n"))
      export default defineConfig({ pipelines: [Pipeline.make("stubborn", { steps: [stubborn] })] })
    `)
    const second = project.start("run", "stubborn", "--run-id", "s")
    await second.says("waits")
    second.child.kill("SIGINT")
    second.child.kill("SIGINT")
    await second.says("heard")
    second.child.kill("SIGINT")
    expect((await second.ended).code).toBe(130)
  })

  it("a run that somebody works on is refused with 3, followed by watch, and stopped by cancel", async () => {
    const first = project.start("run", "digits", "--run-id", "held", "--param", "learningRate=0.5")
    await first.says("waits")
    const second = await project.run("run", "digits", "--run-id", "held", "--param", "learningRate=0.5")
    expect(second).toMatchObject({ code: 3, stdout: "" })
    expect(second.stderr).toMatch(new RegExp(`^error: Run "held" is being worked on by process ${first.child.pid} .*\\n$`))
    const watching = project.start("watch", "held", "--json")
    await watching.says("waits")
    expect(await project.run("cancel", "held")).toMatchObject({ code: 0 })
    expect((await first.ended).code).toBe(130)
    const watched = await watching.ended
    expect(watched.code).toBe(130)
    expect(jsonLines(watched.stdout).at(-1)).toMatchObject({ _tag: "Result", status: "interrupted" })
    expect(await project.run("cancel", "held")).toMatchObject({ code: 2 })
  })

  it("a sweep whose process was killed, or stopped by Ctrl-C, is gone on with by the same command", async () => {
    const args = ["sweep", "digits", "--grid", "learningRate=0.5,0.25", "--id", "s"]
    const runs = async () => (await project.invoke("experiment", "list", "--tag", "sweep=s", "-q")).stdout.trim().split("\n").toSorted()
    const killed = project.start(...args)
    await killed.says("printed by load")
    await expect.poll(async () => (await runs()).length, { timeout: 20_000 }).toBe(2)
    killed.child.kill("SIGKILL")
    await killed.ended
    const ids = await runs()
    const stopped = project.start(...args)
    await expect.poll(async () => JSON.parse((await project.invoke("experiment", "show", ids[0]!, "--json")).stdout).attempts.length, { timeout: 20_000 }).toBe(2)
    stopped.child.kill("SIGINT")
    expect(await stopped.ended).toMatchObject({ code: 130, stderr: expect.stringContaining("The same command again goes on with what is missing.") })
    project.write("go", "")
    const again = await project.run(...args, "--json")
    expect(again.code).toBe(0)
    expect(jsonLines(again.stdout).at(-1)).toMatchObject({ _tag: "Result", counts: { completed: 2, failed: 0, notBegun: 0 } })
    expect(await runs()).toEqual(ids)
    for (const id of ids) expect(JSON.parse((await project.invoke("experiment", "show", id, "--json")).stdout)).toMatchObject({ status: "completed" })
  })

  it("a process that was killed leaves a run that doctor names and resume continues", async () => {
    const first = project.start("run", "digits", "--run-id", "dead", "--param", "learningRate=0.5")
    await first.says("waits")
    first.child.kill("SIGKILL")
    await first.ended
    const doctor = await project.run("doctor")
    expect(doctor.code).toBe(6)
    expect(doctor.stdout).toContain("✗ Run dead stands as running, and its process is dead.\n  uniflow resume dead")
    expect((await project.invoke("experiment", "list")).stdout).toMatch(/✗ dead +digits +crashed/)
    const shown = (await project.invoke("experiment", "show", "dead")).stdout
    expect(shown).toContain("dead  digits  crashed")
    expect(shown).toContain("uniflow resume dead")
    expect(await project.invoke("cancel", "dead")).toMatchObject({ code: 2, stderr: expect.stringContaining("its process is dead") })
    // The record itself changes when somebody takes the run.
    expect(JSON.parse((await project.invoke("experiment", "show", "dead", "--json")).stdout)).toMatchObject({ status: "running" })
    project.write("go", "")
    expect((await project.run("resume", "dead", "--quiet"))).toMatchObject({ code: 0, stdout: "dead\n" })
    expect((await project.run("doctor")).code).toBe(0)
  })

  it("a step that fails gives 1, its error and the place in the user's code; stored text cannot move the cursor", async () => {
    const { code, stderr, stdout } = await project.run("run", "hostile", "--run-id", "h")
    expect(code).toBe(1)
    expect(stdout).toContain("✗ hostile failed at step evil\\x1bcstep")
    expect(stdout).toContain("  Error: boom\\x1b[2J\\x07 here\n")
    expect(stdout).toMatch(/at .*\(uniflow\.config\.ts:\d+:\d+\)/)
    expect(stderr).toMatch(/^error: Step "evil\\x1bcstep" of run "h" failed: boom\\x1b\[2J\\x07 here\n$/)
    const shown = await project.invoke("experiment", "show", "h")
    const explained = await project.invoke("explain", "h")
    await project.invoke("experiment", "tag", "h", "t\u001b[2J=v\u0007")
    await project.invoke("experiment", "note", "h", "n\u001b[2J")
    const tagged = await project.invoke("experiment", "show", "h")
    const listed = await project.invoke("experiment", "list")
    const logged = await project.invoke("watch", "h")
    expect(logged.code).toBe(1)
    for (const ended of [{ stdout, stderr }, shown, explained, tagged, listed, logged]) {
      // oxlint-disable-next-line no-control-regex
      expect(ended.stdout + ended.stderr).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]/)
    }
    expect(tagged.stdout).toContain("t\\x1b[2J=v\\x07")
    const { stderr: verbose } = await project.run("run", "hostile", "--run-id", "h", "--verbose")
    expect(verbose).toContain("StepExecutor")
  })

  it("a secret is given again to resume, and is printed nowhere, not even in the error that quotes it", async () => {
    project.write("uniflow.config.ts", `
      import { defineConfig, Pipeline, Schema, Step } from "uniflow"
      import { existsSync } from "node:fs"
      const call = Step.make("call", {
        version: "1",
        params: { token: Schema.Redacted(Schema.String) },
        run: () => { if (!existsSync("go")) throw new Error("refused hush-hush-hush") }
      })
      export default defineConfig({ pipelines: [Pipeline.make("secret", { steps: [call] })] })
    `)
    const outputs = []
    for (const more of [[], ["--verbose"], ["--json"]]) outputs.push(await project.run("run", "secret", "--run-id", "s", "--param", "token=hush-hush-hush", ...more))
    expect(outputs.map(({ code }) => code)).toEqual([1, 1, 1])
    project.write("go", "")
    outputs.push(await project.run("resume", "s"))
    expect(outputs.at(-1)).toMatchObject({ code: 2, stderr: expect.stringContaining("it is a secret, which is not recorded; give it again") })
    outputs.push(await project.run("resume", "s", "--param", "token=hush-hush-hush"), await project.run("experiment", "show", "s"), await project.run("experiment", "show", "s", "--json"))
    expect(outputs.slice(-3).map(({ code }) => code)).toEqual([0, 0, 0])
    for (const { stderr, stdout } of outputs) expect(stdout + stderr).not.toContain("hush-hush")
  })

  it("a once step whose outcome is unknown gives 5, and is resolved by a person", async () => {
    expect((await project.run("run", "pay", "--run-id", "p")).code).toBe(5)
    const unsaid = await project.run("resolve", "p", "charge")
    expect(unsaid).toMatchObject({ code: 2, stderr: expect.stringContaining("exactly one of") })
    expect(await project.run("resolve", "p", "charge", "--output", "{")).toMatchObject({ code: 2, stderr: expect.stringContaining("must be JSON") })
    expect((await project.run("resolve", "p", "charge", "--output", "{\"id\":1}")).code).toBe(0)
    expect((await project.run("resume", "p")).code).toBe(0)
    expect((await project.run("explain", "p")).stdout).toContain("a person decided: it took effect")
  })
})
