import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Code } from "@uniflow/core"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const core = dirname(dirname(fileURLToPath(import.meta.resolve("@uniflow/core"))))
const program = fileURLToPath(new URL("programs/codes.ts", import.meta.url))

let project: string
beforeEach(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-deep-")))
  write("package.json", `{ "type": "module" }`)
  write("package-lock.json", "{}")
  mkdirSync(join(project, "node_modules", "@uniflow"), { recursive: true })
  symlinkSync(core, join(project, "node_modules", "@uniflow", "core"))
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

const write = (path: string, content: string): void => {
  mkdirSync(dirname(join(project, path)), { recursive: true })
  writeFileSync(join(project, path), content)
}
const codes = (path: string, reachedFile = ""): Record<string, Code> => {
  const { stderr, stdout } = spawnSync(process.execPath, ["--conditions=uniflow-source", program, join(project, path), ...(reachedFile === "" ? [] : [reachedFile])], { encoding: "utf8" })
  expect(stderr).toBe("")
  return JSON.parse(stdout)
}
const shown = (all: Record<string, Code>) => Object.fromEntries(Object.entries(all).map(([name, code]) => [name, code.kind === "deep" ? "deep" : `${code.kind}: ${code.kind === "explicit" ? "" : code.why}`]))
const imports = `import { Step } from "@uniflow/core"\n`

describe("what cannot be seen", () => {
  it("makes a step shallow, and the reason says where", () => {
    write("main.ts", `${imports}
import { computed, viaRequire } from "./far.ts"
const name = "./far" + ".ts"
const common = { run: () => 1 }
export const steps = [
  Step.make("computed", { run: () => import(name) }),
  Step.make("far", { run: () => computed("x") }),
  Step.make("missing", { run: () => import("./nowhere.ts") }),
  Step.make("spread", { ...common, run: () => 2 }),
  Step.make("required", { run: () => viaRequire("x") }),
  Step.make("seen", { run: () => 3 })
]
`)
    write("far.ts", `export const computed = (name: string) => import(name)\nexport const viaRequire = (name: string) => require(name)\n`)
    expect(shown(codes("main.ts"))).toEqual({
      computed: "shallow: it imports something that is no literal (main.ts:7)",
      far: "shallow: it imports something that is no literal (far.ts:1)",
      missing: "shallow: where `./nowhere.ts` leads cannot be seen (main.ts:9)",
      spread: "shallow: its options are put together from others",
      required: "shallow: it requires something that is no literal (far.ts:2)",
      seen: "deep"
    })
  })

  it("refuses a step, by name, where no source shows a value, however far away", () => {
    write("main.ts", `${imports}
import { next } from "./far.ts"
const factory = (k: number) => Step.make("argument", { run: () => k })
export const steps = [
  factory(1),
  ...[1].map((rate) => Step.make("callback", { run: () => rate })),
  Step.make("let", { run: () => next() })
]
`)
    write("far.ts", `import { count } from "./further.ts"\nexport const next = () => count()\n`)
    write("further.ts", `let calls = 0\nexport const count = () => ++calls\n`)
    expect(shown(codes("main.ts"))).toEqual({
      argument: "unknown: it captures `k`, a binding of an enclosing function (main.ts:4); give the step a version",
      callback: "unknown: it captures `rate`, a binding of an enclosing function (main.ts:7); give the step a version",
      let: "unknown: it uses `calls`, a variable that is assigned more than once (further.ts:1); give the step a version"
    })
  })
})

describe("CommonJS", () => {
  it("counts module by module", () => {
    write("main.cjs", `const core = require("@uniflow/core")
const { helper } = require("./helper.cjs")
exports.steps = [core.Step.make("a", { run: () => helper(1) }), core.Step.make("b", { run: () => 2 })]
`)
    write("helper.cjs", `const k = 1\nfunction helper(n) { return n + k }\nmodule.exports = { helper }\n`)
    const before = codes("main.cjs")
    expect(shown(before)).toEqual({ a: "deep", b: "deep" })
    write("helper.cjs", `const k = 2\nfunction helper(n) { return n + k }\nmodule.exports = { helper }\n`)
    const after = codes("main.cjs")
    expect(after["a"]).not.toEqual(before["a"])
    expect(after["b"]).toEqual(before["b"])
  })
})

describe("a package that is linked from outside of the project", () => {
  const old = new Date(Date.now() - 60_000)
  let elsewhere: string
  beforeEach(() => {
    elsewhere = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-linked-")))
  })
  afterEach(() => rmSync(elsewhere, { recursive: true, force: true }))

  const linked = (name: string, version: string, result: number): void => {
    mkdirSync(join(elsewhere, name), { recursive: true })
    writeFileSync(join(elsewhere, name, "package.json"), JSON.stringify({ name, version, type: "module", exports: "./index.ts" }))
    writeFileSync(join(elsewhere, name, "index.ts"), `import { inner } from "./inner.ts"\nexport const f = () => inner()\n`)
    writeFileSync(join(elsewhere, name, "inner.ts"), `export const inner = () => ${result}\n`)
    for (const file of ["package.json", "index.ts", "inner.ts"]) utimesSync(join(elsewhere, name, file), old, old)
    mkdirSync(dirname(join(project, "node_modules", name)), { recursive: true })
    if (!existsSync(join(project, "node_modules", name))) symlinkSync(join(elsewhere, name), join(project, "node_modules", name))
  }

  it.each(["", ".uniflow-code"])("counts as source, kept answers included (kept in: %j)", (kept) => {
    const cache = kept === "" ? "" : join(project, kept)
    linked("@acme/lib", "1.0.0", 1)
    write("main.ts", `${imports}import { f } from "@acme/lib"\nexport const steps = [Step.make("a", { run: () => f() }), Step.make("b", { run: () => 1 })]\n`)
    const before = codes("main.ts", cache)
    linked("@acme/lib", "2.0.0", 1)
    expect(codes("main.ts", cache)).toEqual(before)
    linked("@acme/lib", "2.0.0", 2)
    const after = codes("main.ts", cache)
    expect(shown(after)).toEqual({ a: "deep", b: "deep" })
    expect(after["a"]).not.toEqual(before["a"])
    expect(after["b"]).toEqual(before["b"])
  })

  it.each(["uniflow", "@uniflow/compare"])("counts by its version where it is UniFlow's own: %s", (name) => {
    linked(name, "1.0.0", 1)
    write("main.ts", `${imports}import { f } from ${JSON.stringify(name)}\nexport const steps = [Step.make("a", { run: () => f() })]\n`)
    const before = codes("main.ts")
    expect(before["a"]).toMatchObject({ kind: "deep", parts: [{ name: "run of a" }, { file: name, name: "1.0.0" }] })
    linked(name, "1.0.0", 2)
    expect(codes("main.ts")).toEqual(before)
    linked(name, "1.0.1", 2)
    expect(codes("main.ts")["a"]).not.toEqual(before["a"])
  })

  it("makes a step unknown where it was changed while the process runs", () => {
    linked("@acme/lib", "1.0.0", 1)
    write("main.ts", `${imports}import { f } from "@acme/lib"\nimport { writeFileSync } from "node:fs"\nwriteFileSync(${JSON.stringify(join(elsewhere, "@acme/lib/inner.ts"))}, "export const inner = () => 3")\nexport const steps = [Step.make("a", { run: () => f() })]\n`)
    expect(codes("main.ts")["a"]).toMatchObject({ kind: "unknown", why: expect.stringContaining("inner.ts was changed after this process began") })
  })
})

describe("what was found is kept between processes", () => {
  it("and never trusted when a file is another one, in a package neither", () => {
    const old = new Date(Date.now() - 60_000)
    const cache = join(project, ".uniflow", "code")
    mkdirSync(join(project, ".uniflow"))
    write("node_modules/dep/package.json", `{ "name": "dep", "version": "1.0.0", "type": "module", "exports": "./index.js" }`)
    write("node_modules/dep/index.js", `export const f = () => 1\n`)
    write("main.ts", `${imports}import { f } from "dep"\nimport { helper } from "./helper.ts"\nexport const steps = [Step.make("a", { run: () => f() + helper() })]\n`)
    write("helper.ts", `export const helper = () => 1\n`)
    utimesSync(join(project, "helper.ts"), old, old)
    const before = codes("main.ts", cache)
    const kept = readFileSync(cache, "utf8")
    expect(codes("main.ts", cache)).toEqual(before)
    // The same answer, from what was kept: a hash that was put there is given back.
    const hash = (before["a"] as { readonly hash: string }).hash
    expect(kept).toContain(hash)
    write("helper.ts", `export const helper = () => 2\n`)
    utimesSync(join(project, "helper.ts"), old, old)
    const edited = codes("main.ts", cache)
    expect(edited["a"]).not.toEqual(before["a"])
    write("node_modules/dep/package.json", `{ "name": "dep", "version": "1.0.1", "type": "module", "exports": "./index.js" }`)
    const upgraded = codes("main.ts", cache)
    expect(upgraded["a"]).not.toEqual(edited["a"])
    for (const damaged of ["", "uniflow-code 1 0\n{}", kept.slice(0, -5)]) {
      writeFileSync(cache, damaged)
      expect(codes("main.ts", cache)).toEqual(upgraded)
    }
  })
})
