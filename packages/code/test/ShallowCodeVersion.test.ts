import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Code } from "@uniflow/core"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const core = fileURLToPath(import.meta.resolve("@uniflow/core"))
const effect = fileURLToPath(import.meta.resolve("effect"))
const program = fileURLToPath(new URL("programs/codes.ts", import.meta.url))

let project: string
beforeEach(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-code-")))
  write("package.json", `{ "type": "module" }`)
  write("package-lock.json", "{}")
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

const write = (path: string, content: string) => {
  mkdirSync(dirname(join(project, path)), { recursive: true })
  writeFileSync(join(project, path), content)
}

/** The codes that another process sees for the steps of a module of the project. */
const codes = (path: string, options: { readonly env?: Record<string, string> } = {}): Record<string, Code> => {
  const { stderr, stdout } = spawnSync(process.execPath, ["--conditions=uniflow-source", program, join(project, path), "shallow"], {
    encoding: "utf8",
    env: { ...process.env, ...options.env }
  })
  expect(stderr).toBe("")
  return JSON.parse(stdout)
}

const imports = `import { Step } from ${JSON.stringify(core)}\nimport { Effect } from ${JSON.stringify(effect)}\n`
const kindsOf = (all: Record<string, Code>) => Object.fromEntries(Object.entries(all).map(([name, code]) => [name, code.kind === "unknown" ? code.why : code.kind]))

describe("a step is accepted", () => {
  it("when it uses its arguments, module-level constants, functions, imports and globals, at the top and inside of functions", () => {
    write("src/helper.ts", `export const helper = (n: number): number => n + 1\nexport default helper\n`)
    write("src/other.ts", `const inner = 3\nexport function train({ params }: { params: { a?: number } }): number { return inner + (params.a ?? 0) }\n`)
    write("src/main.ts", `${imports}
import fallback, { helper } from "./helper.ts"
import * as all from "./helper.ts"
import { train } from "./other.ts"
import type { Missing } from "nowhere"
interface Row { readonly a: number }
const k: number = Number("3")
let neverAssigned = 4
function local(row: Row): Row { return row }
const declared = async <T>(context: T): Promise<T> => context
class Model { weights: number[] = []; fit(n: number) { this.weights.push(n); return this } }
export const steps = [
  Step.make("plain", { run: () => 1 }),
  Step.make("literals", { run: () => [2n ** 70n, /a+/gu, "t", 1e400, -0] }),
  Step.make("module", { run: ({ params }: { params: Record<string, unknown> }) => local({ a: helper(k) + fallback(1) + all.helper(neverAssigned) }) as Row }),
  Step.make("method", { run() { const self = this; return [self, new Model().fit(2)] } }),
  Step.make("generator", { *run() { yield* Effect.succeed(k); return helper(1) } } as never),
  Step.make("async", { async run({ signal }) { for await (const x of [1]) { if (signal.aborted) return x } try { JSON.parse("") } catch (error) { return String(error) } return undefined } }),
  Step.make("patterns", { run: (({ params: { a = k, ...rest } = {}, inputs: [b, { c: d = helper(a) }] = [] }) => ({ a, rest, b, d, k })) as never }),
  Step.make("labels", { run: () => { outer: for (let i = 0; i < 3; i++) { for (const j of [i]) { if (j) continue outer } } return { outer: 1 }.outer } }),
  Step.make("named", { run: declared }),
  Step.make("imported", { run: train as never }),
  Step.make("made", { run: Effect.fn("made")(function*() { yield* Effect.succeed(helper(k)); return 1 }) }),
  Step.make("when", { run: () => 1, when: () => k > 2, files: () => ["a.txt"] }),
  Step.make("recursive", { run: function self(n: unknown): unknown { return n === 0 ? 0 : self(0) } })
]
function main(unused: number) {
  const load = Step.make("in-function", { run: () => local({ a: k }) })
  const follow = (context: unknown) => helper(Number(context))
  steps.push(load as never, Step.make("in-function-inputs", { inputs: { load }, run: ({ inputs }) => helper(inputs.load.a) }) as never)
  steps.push(Step.make("in-function-named", { run: follow }) as never)
}
main(1)
{
  const inBlock = 5
  steps.push(Step.make("block", { run: () => inBlock }) as never)
}
`)
    const kinds = kindsOf(codes("src/main.ts"))
    expect(kinds).toEqual(Object.fromEntries(Object.keys(kinds).map((name) => [name, "shallow"])))
    expect(Object.keys(kinds)).toHaveLength(17)
  })

  it("as plain JavaScript, in CommonJS and as compilers write it", () => {
    write("compiled.cjs", `"use strict"
Object.defineProperty(exports, "__esModule", { value: true })
const core_1 = require(${JSON.stringify(core)})
const helper_1 = require("./helper.cjs")
var Color
;(function (Color) { Color[Color["Red"] = 0] = "Red" })(Color || (Color = {}))
exports.steps = [
  core_1.Step.make("cjs", { run: () => (0, helper_1.helper)(Color.Red) }),
  core_1.Step.make("cjs-method", { run({ params }) { return helper_1.helper(params) } })
]
`)
    write("helper.cjs", "exports.helper = (n) => n\n")
    expect(kindsOf(codes("compiled.cjs"))).toEqual({ cjs: "shallow", "cjs-method": "shallow" })
  })
})

describe("a step is not reused without a version", () => {
  it("when it captures a binding of an enclosing function, a loop, `this`, or a variable that is assigned again; the reason names it", () => {
    write("main.ts", `${imports}
import { train } from "./other.ts"
let calls = 0
export const steps: Array<unknown> = []
const factory = (k: number) => Step.make("argument", { run: () => k })
const shadowed = (train: () => number) => Step.make("shadowed", { run: () => train() })
for (const rate of [1]) steps.push(Step.make("loop", { run: () => rate * 2 }))
for (let i = 0; i < 1; i++) { const twice = i * 2; steps.push(Step.make("loop-body", { run: async ({ params }) => ({ params, twice }) })) }
function main() {
  const { seed } = { seed: 1 }
  const helper = () => seed
  steps.push(Step.make("destructured", { run: () => ({ seed }) }))
  steps.push(Step.make("helper", { run: () => helper() }))
  steps.push(Step.make("default", { run: (a = seed) => a }))
  steps.push(Step.make("key", { run: () => 1, when: () => seed > 0 }))
  steps.push(Step.make("named", { run: helper }))
  steps.push(Step.make("made", { run: Effect.fn("made")(function*() { return yield* Effect.succeed(seed) }) }))
}
class Service {
  private rate = 2
  step() { return Step.make("this", { run: () => this.rate }) }
  made() { return Step.make("member", { run: this.work }) }
  work() { return this.rate }
}
function withArguments() { return Step.make("arguments", { run: () => arguments[0] }) }
const handlers = { "a-b": (k: number) => Step.make("handler", { run: () => k }) }
steps.push(factory(3), shadowed(() => 1), new Service().step(), new Service().made(), withArguments(), handlers["a-b"](1))
steps.push(Step.make("mutable", { run: () => { calls++; return 1 } }))
steps.push(Step.make("imported", { run: train }))
steps.push(Step.make("eval", { run: () => eval("calls") }))
main()
`)
    write("other.ts", `let cache: number | undefined\nexport const train = (): number => (cache ??= 1)\n`)
    const kinds = kindsOf(codes("main.ts"))
    const enclosing = (name: string, line: number) => `it captures \`${name}\`, a binding of an enclosing function (main.ts:${line}); give the step a version`
    expect(kinds).toEqual({
      argument: enclosing("k", 7),
      shadowed: enclosing("train", 8),
      loop: "it captures `rate`, a variable of a loop (main.ts:9); give the step a version",
      "loop-body": "it captures `twice`, a variable of a loop (main.ts:10); give the step a version",
      destructured: enclosing("seed", 14),
      helper: enclosing("helper", 15),
      default: enclosing("seed", 16),
      key: enclosing("seed", 17),
      named: enclosing("seed", 13),
      made: enclosing("seed", 19),
      this: "it uses `this` of the function around it (main.ts:23); give the step a version",
      member: "it uses `this` of the function around it (main.ts:24); give the step a version",
      arguments: "it uses `arguments` of the function around it (main.ts:27); give the step a version",
      handler: enclosing("k", 28),
      mutable: "it uses `calls`, a variable that is assigned more than once (main.ts:30); give the step a version",
      imported: "it uses `cache`, a variable that is assigned more than once (other.ts:2); give the step a version",
      eval: "it uses `eval` (main.ts:32), and what that reads cannot be seen; give the step a version"
    })
  })

  it("when its function is native or bound, or found nowhere while it uses more than globals", () => {
    write("main.mjs", `${imports}
const secret = 3
const text = new Function("core", "const k = 5; return core.Step.make('evaluated', { run: () => k })")
const globalsOnly = new Function("core", "return core.Step.make('globals', { run: (a) => Math.max(a, 1) })")
const bound = { name: "bound", definition: { run: (() => secret).bind(null), definedAt: "" } }
import * as core from ${JSON.stringify(core)}
export const steps = [text(core), globalsOnly(core), bound]
`)
    expect(kindsOf(codes("main.mjs"))).toEqual({
      evaluated: expect.stringContaining("it uses `k`, and where that comes from cannot be seen"),
      globals: "shallow",
      bound: expect.stringContaining("native or bound")
    })
  })
})

describe("the project's part changes", () => {
  const main = `${imports}import { helper } from "./helper.ts"\nexport const steps = [Step.make("a", { run: () => helper() }), Step.make("b", { run: () => 2 })]\n`

  it("when any source does, and the text is each function's own", () => {
    write("main.ts", main)
    write("helper.ts", "export const helper = () => 1\n")
    const before = codes("main.ts")
    expect(before["a"]).toMatchObject({ kind: "shallow" })
    expect(before["a"]).toMatchObject({ project: (before["b"] as { project: string }).project })
    write("helper.ts", "export const helper = () => 2\n")
    const after = codes("main.ts")
    expect(after["a"]).toMatchObject({ text: (before["a"] as { text: string }).text })
    expect(after["a"]).not.toEqual(before["a"])
    expect(after["a"]).not.toMatchObject({ text: (after["b"] as { text: string }).text })
  })

  it("for code outside of any project with what it imports", () => {
    rmSync(join(project, "package.json"))
    rmSync(join(project, "package-lock.json"))
    write("main.mts", main.replace("./helper.ts", "./lib/helper.mts"))
    write("lib/helper.mts", "export const helper = () => 1\n")
    write("unrelated.ts", "1")
    const project_ = () => {
      const code = codes("main.mts")["a"]
      return code?.kind === "shallow" ? code.project : JSON.stringify(code)
    }
    const before = project_()
    write("unrelated.ts", "2")
    expect(project_()).toBe(before)
    write("lib/helper.mts", "export const helper = () => 2\n")
    expect(project_()).not.toBe(before)
  })

  it("for code that runs from a bundle with the bundle, not with the sources", () => {
    write("src/a.ts", "1")
    write(".next/server/app.mjs", `${imports}export const steps = [Step.make("a", { run: () => 1 })]\n`)
    write(".next/BUILD_ID", "1")
    write(".next/cache/x.js", "1")
    const codeOf = () => codes(".next/server/app.mjs")["a"]
    const before = codeOf()
    expect(before?.kind).toBe("shallow")
    write("src/a.ts", "2")
    write(".next/cache/x.js", "2")
    expect(codeOf()).toEqual(before)
    write(".next/server/chunks/1.js", "2")
    expect(codeOf()).not.toEqual(before)
    write("main.ts", main)
    write("helper.ts", "export const helper = () => 1\n")
    const mapped = codes("main.ts", { env: { NEXT_RUNTIME: "nodejs" } })["a"]
    expect(mapped?.kind === "shallow" && mapped.project).toBe((codeOf() as { project: string }).project)
  })

  it("and what was changed after the process began is never vouched for", () => {
    write("main.ts", `${main}import { writeFileSync } from "node:fs"\nwriteFileSync(new URL("./late.ts", import.meta.url), "export {}")\n`)
    write("helper.ts", "export const helper = () => 1\n")
    expect(kindsOf(codes("main.ts"))["a"]).toMatch(/late\.ts was changed after this process began/)
  })
})
