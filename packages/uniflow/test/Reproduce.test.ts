import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { bin } from "./project.ts"

const packageFolder = fileURLToPath(new URL("..", import.meta.url))

let scratch: string
let folder: string
beforeEach(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-reproducing-")))
  folder = join(scratch, "project")
  mkdirSync(join(folder, "node_modules"), { recursive: true })
  mkdirSync(join(scratch, "tmp"))
  symlinkSync(packageFolder, join(folder, "node_modules", "uniflow"))
  symlinkSync(realpathSync(join(packageFolder, "node_modules", "effect")), join(folder, "node_modules", "effect"))
  git("init")
  write(".gitignore", "node_modules\n.uniflow\n*.csv\n")
  write("package.json", JSON.stringify({ private: true, type: "module" }))
  write("package-lock.json", "{}")
  write("uniflow.config.ts", "import { defineConfig } from \"uniflow\"\nimport { shop, pay } from \"./shop.ts\"\nexport default defineConfig({ pipelines: [shop, pay] })\n")
  write("rate.ts", "export const rate = 0.5\n")
  write("shop.ts", shop)
  commit("first")
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

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

const gitIn = (cwd: string, ...parameters: ReadonlyArray<string>) =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=trunk", ...parameters], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim()
const git = (...parameters: ReadonlyArray<string>) => gitIn(folder, ...parameters)
const write = (name: string, text: string) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), text)
}
const commit = (message: string) => {
  git("add", ".")
  git("commit", "-q", "-m", message)
  return git("rev-parse", "HEAD")
}

const start = (env: { readonly [name: string]: string }, ...args: ReadonlyArray<string>) => {
  const { CI: _, FORCE_COLOR: __, UNIFLOW_DIR: ___, NODE_OPTIONS: ____, ...rest } = process.env
  return spawn(process.execPath, ["--conditions=uniflow-source", bin, ...args], { cwd: folder, env: { ...rest, TMPDIR: join(scratch, "tmp"), ...env }, stdio: ["ignore", "pipe", "pipe"] })
}
const run = async (env: { readonly [name: string]: string }, ...args: ReadonlyArray<string>) => {
  const child = start(env, ...args)
  const texts = { stdout: "", stderr: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.stderr += text))
  const [code] = await once(child, "close") as [number]
  return { code, ...texts }
}
const uniflow = (...args: ReadonlyArray<string>) => run({}, ...args)
const begun = async (env: { readonly [name: string]: string }, ...args: ReadonlyArray<string>) => {
  const { code, stderr } = await run(env, "run", ...args)
  expect([code, stderr]).toEqual([0, ""])
}

interface Told {
  readonly verdict: string
  readonly remarks: ReadonlyArray<string>
  readonly findings: ReadonlyArray<{ readonly kind: string; readonly name: string; readonly verdict: string; readonly note?: string; readonly difference?: { readonly path: string; readonly old: string; readonly new: string } }>
}
const reproduced = async (env: { readonly [name: string]: string }, ...args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await run(env, "reproduce", ...args, "--json")
  const told = stdout === "" ? { verdict: stderr, remarks: [], findings: [] } : JSON.parse(stdout) as Told
  return { code, ...told, of: Object.fromEntries(told.findings.map(({ name, verdict }) => [name, verdict])) }
}
const leftovers = () => [readdirSync(join(scratch, "tmp")).filter((name) => !name.startsWith("node-compile")), git("worktree", "list").split("\n").length]

describe("uniflow reproduce", { timeout: 120_000 }, () => {
  it("a run of a dirty tree, from its commit and patch, after the tree went on: identical to the byte", async () => {
    write("rate.ts", "export const rate = 0.25\nexport { more } from \"./new file é.ts\"\n")
    write("new file é.ts", "export const more = 1\n")
    await begun({}, "shop", "--run-id", "a", "--param", "rows=4", "--seed", "7")
    git("checkout", "-q", ".")
    rmSync(join(folder, "new file é.ts"))
    write("rate.ts", "export const rate = 0.125\n")
    commit("second")

    const { code, stderr, stdout } = await uniflow("reproduce", "a")
    expect([code, stderr]).toEqual([0, expect.stringMatching(/Recorded: .*run shop --run-id a[\s\S]*with the recorded patch, in a worktree\n.*those installed here, as the lockfile is the same/)])
    expect(stdout).toMatch(/✓ +load +identical[\s\S]*✓ +train +identical[\s\S]*✓ Reproduced: 5 steps, identical to the byte\n/)
    const { findings, of, remarks } = await reproduced({}, "a")
    expect(remarks).toEqual([])
    expect(of).toEqual({ load: "identical", jitter: "identical", train: "identical", "train.loss": "identical", "train/report.txt": "identical", squares: "identical", total: "identical", "total.total": "identical" })
    expect(findings.map(({ kind }) => kind)).toContain("artifact")

    // The present code gives something else, and says why.
    const present = await reproduced({}, "a", "--in-place")
    expect(present.code).toBe(8)
    expect(present.of).toMatchObject({ load: "identical", jitter: "identical", train: "different", "train.loss": "different", "train/report.txt": "different", squares: "identical", total: "identical" })
    const train = present.findings.find(({ name }) => name === "train")!
    expect(train.difference).toMatchObject({ path: "$.loss", new: "0.09112500000000001" })
    expect(train.note).toBe("other than before: code")
    expect(present.findings.find(({ name }) => name === "train.loss")!.difference).toEqual({ path: "at index 0", old: "0.225", new: "0.1125" })
    expect(present.remarks[0]).toMatch(/^the code is the present one, commit [0-9a-f]{12}; recorded was [0-9a-f]{12} with changes$/)
    expect(leftovers()).toEqual([[], 1])
    // The run itself is as it was.
    expect(JSON.parse((await uniflow("experiment", "show", "a", "--json")).stdout).attempts).toHaveLength(1)
  })

  it("declared variables are as they were; what depends on anything else differs, numbers within the tolerance do not", async () => {
    await begun({ MODEL: "small", JITTER: "0" }, "shop", "--run-id", "a", "--param", "rows=2")
    expect((await reproduced({ MODEL: "large" }, "a")).code).toBe(0)
    write("shop.ts", shop.replace("env: [\"JITTER\", \"MODEL\"],", "version: \"1\","))
    commit("undeclared")
    await begun({ JITTER: "0" }, "shop", "--run-id", "b", "--param", "rows=2")
    const { code, findings } = await reproduced({ JITTER: "1e-7" }, "b")
    expect(code).toBe(8)
    expect(findings.find(({ name }) => name === "jitter")).toMatchObject({ verdict: "different", difference: { path: "$.off", old: "0", new: "1e-7" }, note: expect.stringMatching(/^its code, params and inputs are the same/) })
    expect(findings.find(({ name }) => name === "train")!.note).toBe("other than before: input jitter")
    const near = await reproduced({ JITTER: "1e-7" }, "b", "--tolerance", "1e-6")
    expect(near.of).toMatchObject({ jitter: "different", train: "within tolerance", "train.loss": "within tolerance", squares: "identical" })
  })

  it("what runs at most once is not executed again: its output is given; secrets are given again and must be the same", async () => {
    write("break.csv", "")
    const paid = { PAID: join(scratch, "paid"), BREAK: join(folder, "break.csv") }
    expect((await run(paid, "run", "pay", "--run-id", "a", "--param", "secret=correct horse")).code).toBe(1)
      const before = readFileSync(paid.PAID, "utf8")
    expect(before.split("\n").sort()).toEqual(["", "charge", "mail a", "mail b"])

    expect(await reproduced(paid, "a")).toMatchObject({ code: 2, verdict: expect.stringContaining("Param secret is a secret") })
    expect(await reproduced(paid, "a", "--param", "secret=wrong")).toMatchObject({ code: 9, verdict: expect.stringContaining("secret was a secret, is a secret") })
    const { code, findings, of } = await reproduced(paid, "a", "--param", "secret=correct horse")
    expect(of).toEqual({ price: "identical", people: "identical", charge: "not checked", mails: "not checked", receipt: "identical", broken: "identical" })
    expect(findings.find(({ name }) => name === "charge")!.note).toMatch(/^it runs at most once: its recorded output was given/)
    expect(findings.find(({ name }) => name === "broken")!.note).toBe("it failed with the same error")
    expect(code).toBe(0)
    expect(readFileSync(paid.PAID, "utf8")).toBe(before)

    const again = await reproduced({ ...paid, BREAK: "nowhere" }, "a", "--param", "secret=correct horse", "--allow-once")
    expect(again.code).toBe(8)
    expect(again.of).toMatchObject({ charge: "different", mails: "different", broken: "different" })
    expect(readFileSync(paid.PAID, "utf8").length).toBeGreaterThan(before.length)
  })

  it("says what it cannot do, in a line, with its own exit code, and leaves nothing behind", async () => {
    expect(await uniflow("reproduce", "a")).toMatchObject({ code: 4 })
    write("rate.ts", "export const rate = 0.75\n")
    const gone = commit("to be rebased away")
    write("rate.ts", "export const rate = 0.25\n")
    await begun({}, "shop", "--run-id", "a", "--param", "rows=2")
    // The lockfile changes, and cannot be installed by anything that is here.
    git("checkout", "-q", ".")
    write("package-lock.json", "{ \"broken\": ")
    commit("another lockfile")
    const other = await run({ PATH: `${dirname(process.execPath)}/nothing:${join(scratch, "bin")}` }, "reproduce", "a")
    expect(other).toMatchObject({ code: 9, stderr: expect.stringMatching(/error: .* is in no git repository, or there is no git/) })
    mkdirSync(join(scratch, "bin"))
    symlinkSync(execFileSync("/bin/sh", ["-c", "command -v git"], { encoding: "utf8" }).trim(), join(scratch, "bin", "git"))
    const uninstallable = await run({ PATH: join(scratch, "bin") }, "reproduce", "a")
    expect(uninstallable).toMatchObject({ code: 9, stderr: expect.stringMatching(/error: The dependencies cannot be installed: There is no program npm.*--dependencies present/) })
    const present = await reproduced({}, "a", "--dependencies", "present")
    expect([present.code, present.remarks]).toEqual([0, ["the lockfile package-lock.json is another one now: the dependencies are those installed now"]])

    git("reset", "-q", "--hard", `${gone}~1`)
    git("reflog", "expire", "--expire=now", "--all")
    git("gc", "-q", "--prune=now")
    const missing = await uniflow("reproduce", "a")
    expect(missing).toMatchObject({ code: 9, stdout: "", stderr: expect.stringMatching(/error: Commit [0-9a-f]{12} is not in the repository .*rebased away.*--in-place/) })
    for (const [args, issue] of [[["--tolerance", "much"], /--tolerance "much"/], [["--attempt", "7"], /no attempt 7/], [["--param", "rows=3"], /only secrets are given again/], [["--param", "x"], /name=value/]] as const) {
      expect(await uniflow("reproduce", "a", ...args)).toMatchObject({ code: 2, stderr: expect.stringMatching(issue) })
    }
    expect(leftovers()).toEqual([[], 1])
  })

  it("Ctrl-C stops it and removes the worktree", async () => {
    write("shop.ts", shop.replace("run: ({ item }) => item * item", "run: async ({ item, signal }) => { if (process.env[\"HANG\"] !== undefined) await new Promise((_, reject) => signal.addEventListener(\"abort\", () => reject(new Error(\"stopped\")))); return item * item }"))
    commit("hangs")
    await begun({}, "shop", "--run-id", "a", "--param", "rows=2")
    const child = start({ HANG: "1" }, "reproduce", "a")
    let said = ""
    await new Promise<void>((resolve) => child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text
      if (said.includes("squares")) resolve()
    }))
    child.kill("SIGINT")
    const [code] = await once(child, "close")
    expect(code).toBe(130)
    expect(leftovers()).toEqual([[], 1])
  })
})
