import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const core = dirname(dirname(fileURLToPath(import.meta.resolve("@uniflow/core"))))

/** A small project of many files, as edits begin with it. */
export const files: Readonly<Record<string, string>> = {
  "package.json": `{ "name": "shop", "type": "module", "imports": { "#config": "./src/config.ts" }, "dependencies": { "dep": "^1.0.0", "other": "^1.0.0", "@acme/lib": "workspace:*" } }`,
  "package-lock.json": `{ "lockfileVersion": 3, "packages": {
  "node_modules/dep": { "version": "1.0.0", "integrity": "sha512-dep" },
  "node_modules/below": { "version": "1.0.0", "integrity": "sha512-below" },
  "node_modules/other": { "version": "1.0.0", "integrity": "sha512-other" }
} }`,
  "tsconfig.json": `{
  // Where \`@\` leads.
  "compilerOptions": { "paths": { "@/*": ["./src/*"] }, },
}`,
  "node_modules/dep/package.json": `{ "name": "dep", "version": "1.0.0", "type": "module", "exports": "./index.js", "dependencies": { "below": "^1.0.0" } }`,
  "node_modules/dep/index.js": `export const clamp = (n) => Math.min(n, 10)\n`,
  "node_modules/below/package.json": `{ "name": "below", "version": "1.0.0" }`,
  "node_modules/other/package.json": `{ "name": "other", "version": "1.0.0", "type": "module", "exports": "./index.js" }`,
  "node_modules/other/index.js": `export const noop = () => {}\n`,
  "packages/lib/package.json": `{ "name": "@acme/lib", "type": "module", "exports": { ".": "./src/index.ts", "./extra": "./src/extra.ts" } }`,
  "packages/lib/src/index.ts": `export { scale } from "./scale.ts"\nexport const unrelated = 1\n`,
  "packages/lib/src/scale.ts": `export const scale = (n: number): number => n * UNIT\nconst UNIT = 100\n`,
  "packages/lib/src/extra.ts": `export const extra = 1\n`,
  "src/main.ts": `import { readFileSync } from "node:fs"
import { Step } from "@uniflow/core"
import read, { parse as parseRow } from "./read.ts"
import * as math from "./math.ts"
import { Model, normalise } from "./index.ts"
import { lookup } from "./registry.ts"
import "./plugins.ts"
import { LIMIT, type Options } from "#config"
import { scale } from "@acme/lib"
import { clamp } from "dep"
import { noop } from "other"
import settings from "./settings.json" with { type: "json" }
import { legacy } from "./legacy.js"
import { fib } from "./memo.ts"
import { describeKind } from "./kinds.ts"
import { first } from "./shared.ts"
import { api, reader } from "./api.ts"
import { flags, middle, sparse, stack } from "./odd.ts"
import { table } from "./table.ts"
import "./fill.ts"
import { counter } from "./counter.ts"
import { forms } from "./forms.ts"
import { order } from "./order.ts"
import "./first.ts"
import "./second.ts"
import { note, rate } from "./required.ts"

const FACTOR = 2
const UNUSED = 1
interface Row { readonly a: number }

// Reads everything.
export const load = Step.make("load", { run: () => read("a\\nb").map((row) => parseRow(row)) })
export const clean = Step.make("clean", { inputs: { rows: load }, run: ({ inputs }) => normalise(inputs.rows, FACTOR) })
export const train = Step.make("train", {
  inputs: { rows: clean },
  run: ({ inputs }) => {
    const options: Options = { limit: LIMIT }
    const model = new Model(options.limit)
    for (const row of inputs.rows) model.fit(row)
    return model.weights
  }
})
export const evaluate = Step.make("evaluate", {
  inputs: { weights: train },
  when: ({ inputs }) => inputs.weights.length > math.least,
  run: ({ inputs }) => scale(clamp(math.mean(inputs.weights)))
})
export const report = Step.make("report", { run: () => \`\${settings.title}: \${lookup("title")}\` })
export const prompt = Step.make("prompt", { run: () => readFileSync(new URL("./prompt.txt", import.meta.url), "utf8") })
export const lazy = Step.make("lazy", { run: async () => (await import("@/lazy.ts")).slow() })
export const old = Step.make("old", { run: () => legacy(1) })
export const numbers = Step.make("numbers", { run: () => fib(10) })
export const kinds = Step.make("kinds", { run: () => describeKind("a") })
export const listed = Step.make("listed", { run: () => [...api.users.list(1), reader.read("b")] })
export const counted = Step.make("counted", { run: () => api.count(2) + reader.read("a") })
export const shared = Step.make("shared", { run: () => first() })
export const odd = Step.make("odd", { run: () => [middle([1, 2, 3]), sparse().length, flags["on"], stack] })
export const filled = Step.make("filled", { run: () => [...table.values()] })
export const summed = Step.make("summed", { run: () => counter.sum() })
export const formed = Step.make("formed", { run: () => forms() })
export const ordered = Step.make("ordered", { run: () => order.join() })
export const required = Step.make("required", { run: () => [rate(), note()] })
export const idle = Step.make("idle", { run: () => noop() })
export const steps = [load, clean, train, evaluate, report, prompt, lazy, old, numbers, kinds, listed, counted, shared, odd, filled, summed, formed, ordered, required, idle]
console.error(steps.length === UNUSED ? "one" : "")
`,
  "src/config.ts": `export const LIMIT = 3\nexport const OTHER = 4\nexport interface Options { readonly limit: number }\n`,
  "src/read.ts": `/** Lines of a text. */
export default function read(text: string): ReadonlyArray<string> {
  const lines = text.split(SEPARATOR)
  return lines.map((line) => trim(line))
}
const SEPARATOR = "\\n"
const trim = (line: string): string => line.trim()
export const parse = (row: string): number => row.length
export const unused = (row: string): string => row
`,
  "src/math.ts": `export const least = 0
export const mean = (values: ReadonlyArray<number>): number => sum(values) / values.length
export const median = (values: ReadonlyArray<number>): number => values[values.length >> 1] ?? 0
function sum(values: ReadonlyArray<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
`,
  "src/index.ts": `export * from "./clean.ts"\nexport { Network as Model } from "./model.ts"\nexport * as everything from "./math.ts"\n`,
  "src/clean.ts": `import { bound } from "./bound.ts"\nexport const normalise = (rows: ReadonlyArray<number>, factor: number): ReadonlyArray<number> => rows.map((row) => bound(row * factor))\nexport const denormalise = (rows: ReadonlyArray<number>): ReadonlyArray<number> => rows\n`,
  "src/bound.ts": `export const bound = (n: number): number => Math.min(n, most)\nexport const most = 1000\n`,
  "src/model.ts": `class Base {
  weights: Array<number> = []
}
export class Network extends Base {
  private readonly limit: number
  constructor(limit: number) {
    super()
    this.limit = limit
  }
  fit(row: number): void {
    if (this.weights.length < this.limit) this.weights.push(this.step(row))
  }
  private step(row: number): number {
    return row + RATE
  }
}
const RATE = 0.1
export class Other {}
`,
  "src/registry.ts": `const table = new Map<string, string>()\nexport const register = (key: string, value: string): void => void table.set(key, value)\nexport const lookup = (key: string): string => table.get(key) ?? "none"\nexport const size = (): number => table.size\n`,
  "src/plugins.ts": `import { register } from "./registry.ts"\nimport { title } from "./title.ts"\nregister("title", title)\n`,
  "src/title.ts": `export const title = "Report"\nexport const subtitle = "of today"\n`,
  "src/settings.json": `{ "title": "Shop" }`,
  "src/prompt.txt": "Say hello.\n",
  "src/lazy.ts": `export const slow = (): number => pause\nconst pause = 5\n`,
  "src/legacy.js": `const base = 7
function helper(n) {
  return n + base
}
export function legacy(n) {
  // Adds.
  return helper(n) * 2
}
export function forgotten() {
  return 1
}
`,
  "src/memo.ts": `const known = new Map<number, number>()
export const fib = (n: number): number => {
  const found = known.get(n)
  if (found !== undefined) return found
  const value = n < 2 ? n : fib(n - 1) + fib(n - 2)
  known.set(n, value)
  return value
}
`,
  "src/kinds.ts": `const handlers: Record<string, () => string> = {}
handlers["a"] = () => first()
const first = (): string => "first"
export const describeKind = (kind: string): string => handlers[kind]?.() ?? "unknown"
`,
  "src/shared.ts": `const list: Array<number> = []
const same = list
export const all = (): Array<number> => list
export const first = (): number => list[0] ?? list.length
same.push(4)
export const length = (): number => all().length
`,
  "src/api.ts": `const base = 1
export const api = { count: (n: number): number => n + base, users: { list: (n: number): Array<number> => [n, base] } }
class Reader {
  readonly #known = new Map([["a", 1], ["b", 2]])
  read(key: string): number {
    return this.#known.get(key) ?? base
  }
}
export const reader = new Reader()
`,
  "src/odd.ts": `const { assign } = Object
export const middle = (values: ReadonlyArray<number>): number | undefined => { const [, second] = values; return second }
export const sparse = (): Array<number> => [1, , 2] as Array<number>
export const flags: Record<string, number> = {}
export const stack: Array<number> = []
const set = (): void => void assign(flags, { on: 1 })
set()
Array.prototype.push.call(stack, 7)
`,
  "src/table.ts": `export const table = new Map<string, number>()
export const holder = { table }
export const registry = {
  add(key: string, value: number): void {
    table.set(key, value)
  },
  with(key: string, value: number): object {
    table.set(key, value)
    return this
  },
  size: (): number => table.size
}
`,
  "src/alias.ts": `import { table } from "./table.ts"\nexport const alias = table\n`,
  "src/fill.ts": `import { alias } from "./alias.ts"
import { holder, registry, table } from "./table.ts"
type Table = Map<string, number>
const put = ({ to }: { readonly to: Table }, value: number): void => void to.set("a", value)
put({ to: table }, 1)
for (const each of [table]) each.set("b", 2)
holder.table.set("c", 3)
alias.set("d", 4)
const plugins = [(to: Table): unknown => to.set("e", 5)]
class Plugin {
  constructor(to: Table) {
    to.set("f", 6)
  }
}
function setup(): void {
  for (const plugin of plugins) plugin(table)
  new Plugin(table)
}
setup()
registry.add("g", 7)
const { add } = registry
add("h", 8)
registry.with("i", 9)
console.assert(registry.size() > 0)
class Keeper {
  readonly to: Table
  constructor(to: Table) {
    this.to = to
  }
  put(value: number): void {
    this.to.set("j", value)
  }
}
const keeper = new Keeper(table)
keeper.put(10)
class Own {
  static put(value: number): void {
    table.set("k", value)
  }
}
class Sub extends Own {}
Sub.put(11)
const setter = (key: string) => (value: number): void => void table.set(key, value)
const set = setter("l")
set(12)
`,
  "src/counter.ts": `const bump = (counter: Counter, by: number): void => void counter.values.push(by)
class Counter {
  values: Array<number> = []
  add(n: number): void {
    bump(this, n)
  }
  each(all: ReadonlyArray<number>): void {
    const self = this
    all.forEach(function(n) {
      self.values.push(n)
    })
  }
  sum(): number {
    return this.values.reduce((a, b) => a + b, 0)
  }
}
export const counter = new Counter()
counter.add(1)
counter.each([2])
`,
  "src/forms.ts": `import { deep } from "./chain.ts"
import { even } from "./even.ts"
import * as leaves from "./leaf.ts"
const KEY = "a"
const STEP = 1
const tag = (texts: TemplateStringsArray, ...values: ReadonlyArray<number>): string => texts.raw.join("+") + values.length
function origin(): number {
  return 5
}
class Kind {
  static first = 0
  static {
    Kind.first = origin()
  }
  get value(): number {
    return Kind.first
  }
}
const byKey: Record<string, () => number> = { a: () => 1, b: () => 2 }
const listed = [deep]
const mapped = new Map([["a", (n: number): number => n + 1]])
const made = Object.assign({}, { helper: (): number => 3 })
const { other } = leaves
export const forms = (step = STEP): ReadonlyArray<unknown> => [tag\`x\${step}y\`, new Kind().value, byKey[KEY]!(), listed[0]!(), mapped.get("a")!(1), made.helper(), even(4), other()]
`,
  "src/chain.ts": `export { inner as deep } from "./nest.ts"\n`,
  "src/nest.ts": `export { leaf as inner } from "./leaf.ts"\n`,
  "src/leaf.ts": `export const leaf = (): number => 4\nexport const other = (): number => 6\nexport const unread = (): number => 8\n`,
  "src/even.ts": `import { odd } from "./uneven.ts"\nexport const even = (n: number): string => n === 0 ? "even" : odd(n - 1)\n`,
  "src/uneven.ts": `import { even } from "./even.ts"\nexport const odd = (n: number): string => n === 0 ? "odd" : even(n - 1)\n`,
  "src/order.ts": `export const order: Array<string> = []\n`,
  "src/first.ts": `import { order } from "./order.ts"\norder.push("first")\n`,
  "src/second.ts": `import { order } from "./order.ts"\norder.push("second")\n`,
  "src/required.ts": `import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
const load = createRequire(import.meta.url)
const old = load("./old.cjs") as { readonly rate: number }
export const rate = (): number => old.rate
export const note = (): string => readFileSync(new URL(import.meta.resolve("./note.txt")), "utf8")
`,
  "src/old.cjs": `exports.rate = 1\n`,
  "src/note.txt": "Noted.\n",
  "src/apart.ts": `export const apart = 1\n`
}

/** Writes a project into a folder. */
export const write = (folder: string, content: Readonly<Record<string, string>>): void => {
  for (const [path, text] of Object.entries(content)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  mkdirSync(join(folder, "node_modules", "@acme"), { recursive: true })
  symlinkSync(join("..", "..", "packages", "lib"), join(folder, "node_modules", "@acme", "lib"))
  mkdirSync(join(folder, "node_modules", "@uniflow"), { recursive: true })
  symlinkSync(core, join(folder, "node_modules", "@uniflow", "core"))
}
