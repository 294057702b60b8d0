import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { makeRepository, type Repository } from "./repository.ts"

const shop = `
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { Metrics, Pipeline, Schema, Step } from "uniflow"
import { Redacted } from "effect"
import { rate } from "./rate.ts"

const load = Step.make("load", { cache: true, params: { rows: Schema.Int }, run: ({ params }) => Array.from({ length: params.rows }, (_, i) => i) })
const jitter = Step.make("jitter", {
  inputs: { load },
  env: ["JITTER", "MODEL"],
  run: ({ inputs, random }) => ({ values: new Float64Array(inputs.load.map((row) => row + random.next())), off: Number(process.env["JITTER"] ?? 0), model: process.env["MODEL"] ?? "none" })
})
const train = Step.make("train", {
  inputs: { jitter },
  run: async ({ inputs, metrics, artifacts }) => {
    let loss = rate
    for (let epoch = 0; epoch < 3; epoch++) metrics.log({ loss: (loss *= 0.9) + inputs.jitter.off }, { index: epoch })
    await artifacts.put("report.txt", "loss " + (loss + inputs.jitter.off))
    return { loss: loss + inputs.jitter.off }
  }
})
const squares = Step.map("squares", { over: load, run: ({ item }) => item * item })
const total = Step.make("total", { inputs: { train, squares }, run: ({ inputs }) => Metrics.create({ total: inputs.train.loss * 0 + inputs.squares.length }) })
export const shop = Pipeline.make("shop", { steps: [total] })

const paid = (what) => appendFileSync(process.env["PAID"] ?? "paid", what + "\\n")
const price = Step.make("price", { params: { secret: Schema.optionalKey(Schema.Redacted(Schema.String)) }, run: ({ params }) => (params.secret === undefined ? 1 : Redacted.value(params.secret).length) })
const charge = Step.make("charge", { once: true, inputs: { price }, run: ({ inputs }) => { paid("charge"); return { id: "ch_" + process.pid, price: inputs.price } } })
const mails = Step.map("mails", { once: true, over: Step.make("people", { run: () => ["a", "b"] }), run: ({ item }) => { paid("mail " + item); return item + process.pid } })
const receipt = Step.make("receipt", { inputs: { charge, mails }, run: ({ inputs }) => inputs.charge.id + inputs.mails.join() })
const broken = Step.make("broken", { inputs: { receipt }, run: () => { if (existsSync(process.env["BREAK"] ?? "break.csv")) throw new Error("it is broken"); return 1 } })
const after = Step.make("after", { once: true, inputs: { broken }, run: () => { paid("after"); return 1 } })
export const pay = Pipeline.make("pay", { steps: [after] })
`

let repository: Repository
beforeEach(() => {
  repository = makeRepository({
    "uniflow.config.ts": "import { defineConfig } from \"uniflow\"\nimport { shop, pay } from \"./shop.ts\"\nexport default defineConfig({ pipelines: [shop, pay] })\n",
    "rate.ts": "export const rate = 0.5\n",
    "shop.ts": shop
  })
})
afterEach(() => repository.remove())

describe("uniflow reproduce", { timeout: 120_000 }, () => {
  it("a run of a dirty tree, from its commit and patch, after the tree went on: identical to the byte", async () => {
    repository.write("rate.ts", "export const rate = 0.25\nexport { more } from \"./new file é.ts\"\n")
    repository.write("new file é.ts", "export const more = 1\n")
    await repository.begun({}, "shop", "--run-id", "a", "--param", "rows=4", "--seed", "7")
    repository.git("checkout", "-q", ".")
    rmSync(join(repository.folder, "new file é.ts"))
    repository.write("rate.ts", "export const rate = 0.125\n")
    repository.commit("second")

    const { code, stderr, stdout } = await repository.uniflow("reproduce", "a")
    expect([code, stderr]).toEqual([0, expect.stringMatching(/Recorded: .*run shop --run-id a[\s\S]*with the recorded patch, in a worktree\n.*those installed here, as the lockfile is the same/)])
    expect(stdout).toMatch(/✓ +load +identical[\s\S]*✓ +train +identical[\s\S]*✓ Reproduced: 5 steps, identical to the byte\n/)
    const { findings, of, remarks } = await repository.reproduced({}, "a")
    expect(remarks).toEqual([])
    expect(of).toEqual({ load: "identical", jitter: "identical", train: "identical", "train.loss": "identical", "train/report.txt": "identical", squares: "identical", total: "identical", "total.total": "identical" })
    expect(findings.map(({ kind }) => kind)).toContain("artifact")

    // The present code gives something else, and says why.
    const present = await repository.reproduced({}, "a", "--in-place")
    expect(present.code).toBe(8)
    expect(present.of).toMatchObject({ load: "identical", jitter: "identical", train: "different", "train.loss": "different", "train/report.txt": "different", squares: "identical", total: "identical" })
    const train = present.findings.find(({ name }) => name === "train")!
    expect(train.difference).toMatchObject({ path: "$.loss", new: "0.09112500000000001" })
    expect(train.note).toBe("other than before: code (rate in rate.ts)")
    expect(present.findings.find(({ name }) => name === "train.loss")!.difference).toEqual({ path: "at index 0", old: "0.225", new: "0.1125" })
    expect(present.remarks[0]).toMatch(/^the code is the present one, commit [0-9a-f]{12}; recorded was [0-9a-f]{12} with changes$/)
    expect(repository.leftovers()).toEqual([[], 1])
    // The run itself is as it was.
    expect(JSON.parse((await repository.uniflow("experiment", "show", "a", "--json")).stdout).attempts).toHaveLength(1)
  })

  it("declared variables are as they were; what depends on anything else differs, numbers within the tolerance do not", async () => {
    await repository.begun({ MODEL: "small", JITTER: "0" }, "shop", "--run-id", "a", "--param", "rows=2")
    expect((await repository.reproduced({ MODEL: "large" }, "a")).code).toBe(0)
    repository.write("shop.ts", shop.replace("env: [\"JITTER\", \"MODEL\"],", "version: \"1\","))
    repository.commit("undeclared")
    await repository.begun({ JITTER: "0" }, "shop", "--run-id", "b", "--param", "rows=2")
    const { code, findings } = await repository.reproduced({ JITTER: "1e-7" }, "b")
    expect(code).toBe(8)
    expect(findings.find(({ name }) => name === "jitter")).toMatchObject({ verdict: "different", difference: { path: "$.off", old: "0", new: "1e-7" }, note: expect.stringMatching(/^its code, params and inputs are the same/) })
    expect(findings.find(({ name }) => name === "train")!.note).toBe("other than before: input jitter")
    const near = await repository.reproduced({ JITTER: "1e-7" }, "b", "--tolerance", "1e-6")
    expect(near.of).toMatchObject({ jitter: "different", train: "within tolerance", "train.loss": "within tolerance", squares: "identical" })
  })

  it("what runs at most once is not executed again: its output is given; secrets are given again and must be the same", async () => {
    repository.write("break.csv", "")
    const paid = { PAID: join(repository.scratch, "paid"), BREAK: join(repository.folder, "break.csv") }
    expect((await repository.run(paid, "run", "pay", "--run-id", "a", "--param", "secret=correct horse")).code).toBe(1)
      const before = readFileSync(paid.PAID, "utf8")
    expect(before.split("\n").sort()).toEqual(["", "charge", "mail a", "mail b"])

    expect(await repository.reproduced(paid, "a")).toMatchObject({ code: 2, verdict: expect.stringContaining("Param secret is a secret") })
    expect(await repository.reproduced(paid, "a", "--param", "secret=wrong")).toMatchObject({ code: 9, verdict: expect.stringContaining("secret was a secret, is a secret") })
    const { code, findings, of } = await repository.reproduced(paid, "a", "--param", "secret=correct horse")
    expect(of).toEqual({ price: "identical", people: "identical", charge: "not checked", mails: "not checked", receipt: "identical", broken: "identical" })
    expect(findings.find(({ name }) => name === "charge")!.note).toMatch(/^it runs at most once: its recorded output was given/)
    expect(findings.find(({ name }) => name === "broken")!.note).toBe("it failed with the same error")
    expect(code).toBe(0)
    expect(readFileSync(paid.PAID, "utf8")).toBe(before)

    const again = await repository.reproduced({ ...paid, BREAK: "nowhere" }, "a", "--param", "secret=correct horse", "--allow-once")
    expect(again.code).toBe(8)
    expect(again.of).toMatchObject({ charge: "different", mails: "different", broken: "different" })
    expect(readFileSync(paid.PAID, "utf8").length).toBeGreaterThan(before.length)
  })

  it("says what it cannot do, in a line, with its own exit code, and leaves nothing behind", async () => {
    expect(await repository.uniflow("reproduce", "a")).toMatchObject({ code: 4 })
    repository.write("rate.ts", "export const rate = 0.75\n")
    const gone = repository.commit("to be rebased away")
    repository.write("rate.ts", "export const rate = 0.25\n")
    await repository.begun({}, "shop", "--run-id", "a", "--param", "rows=2")
    // The lockfile changes, and cannot be installed by anything that is here.
    repository.git("checkout", "-q", ".")
    repository.write("package-lock.json", "{ \"broken\": ")
    repository.commit("another lockfile")
    const other = await repository.run({ PATH: `${dirname(process.execPath)}/nothing:${join(repository.scratch, "bin")}` }, "reproduce", "a")
    expect(other).toMatchObject({ code: 9, stderr: expect.stringMatching(/error: .* is in no git repository, or there is no git/) })
    mkdirSync(join(repository.scratch, "bin"))
    symlinkSync(execFileSync("/bin/sh", ["-c", "command -v git"], { encoding: "utf8" }).trim(), join(repository.scratch, "bin", "git"))
    const uninstallable = await repository.run({ PATH: join(repository.scratch, "bin") }, "reproduce", "a")
    expect(uninstallable).toMatchObject({ code: 9, stderr: expect.stringMatching(/error: The dependencies cannot be installed: There is no program npm.*--dependencies present/) })
    const present = await repository.reproduced({}, "a", "--dependencies", "present")
    expect([present.code, present.remarks]).toEqual([0, ["the lockfile package-lock.json is another one now: the dependencies are those installed now"]])

    repository.git("reset", "-q", "--hard", `${gone}~1`)
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "-q", "--prune=now")
    const missing = await repository.uniflow("reproduce", "a")
    expect(missing).toMatchObject({ code: 9, stdout: "", stderr: expect.stringMatching(/error: Commit [0-9a-f]{12} is not in the repository .*rebased away.*--in-place/) })
    for (const [args, issue] of [[["--tolerance", "much"], /--tolerance "much"/], [["--attempt", "7"], /no attempt 7/], [["--param", "rows=3"], /only secrets are given again/], [["--param", "x"], /name=value/]] as const) {
      expect(await repository.uniflow("reproduce", "a", ...args)).toMatchObject({ code: 2, stderr: expect.stringMatching(issue) })
    }
    expect(repository.leftovers()).toEqual([[], 1])
  })

  it("Ctrl-C stops it and removes the worktree", async () => {
    repository.write("shop.ts", shop.replace("run: ({ item }) => item * item", "run: async ({ item, signal }) => { if (process.env[\"HANG\"] !== undefined) await new Promise((_, reject) => signal.addEventListener(\"abort\", () => reject(new Error(\"stopped\")))); return item * item }"))
    repository.commit("hangs")
    await repository.begun({}, "shop", "--run-id", "a", "--param", "rows=2")
    const child = repository.start({ HANG: "1" }, "reproduce", "a")
    let said = ""
    await new Promise<void>((resolve) => child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text
      if (said.includes("squares")) resolve()
    }))
    child.kill("SIGINT")
    const [code] = await once(child, "close")
    expect(code).toBe(130)
    expect(repository.leftovers()).toEqual([[], 1])
  })
})
