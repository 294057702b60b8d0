import { files } from "./project.ts"

/** An edit of the corpus' project, the steps that it makes run again, and for each what is named as changed. */
export interface Edit {
  readonly what: string
  /** File, what is replaced, and by what; an empty text to replace appends, an undefined one writes the file anew. */
  readonly at: ReadonlyArray<readonly [file: string, from: string | undefined, to: string]>
  readonly runs: Readonly<Record<string, ReadonlyArray<string>>>
  /** Why a step runs again although it need not. */
  readonly needless?: string
}

/** The project after an edit. */
export const edited = ({ at, what }: Edit): Record<string, string> => {
  const content = { ...files }
  for (const [file, from, to] of at) {
    const before = content[file]
    if (from === undefined) content[file] = to
    else if (from === "") content[file] = before + to
    else {
      if (before?.includes(from) !== true) throw new Error(`${what}: ${file} has no ${JSON.stringify(from)}`)
      content[file] = before.replace(from, () => to)
    }
  }
  return content
}

const main = "src/main.ts"

const all = (part: string): Record<string, ReadonlyArray<string>> =>
  Object.fromEntries(["load", "clean", "train", "evaluate", "report", "prompt", "lazy", "old", "numbers", "kinds", "listed", "counted", "shared", "odd", "filled", "summed", "formed", "ordered", "required", "idle"].map((step) => [step, [part]]))

export const edits: ReadonlyArray<Edit> = [
  // A step's own function.
  { what: "a step's own function", at: [[main, `read("a\\nb")`, `read("a\\nc")`]], runs: { load: ["run of load"] } },
  { what: "a number in a step's own function", at: [[main, "fib(10)", "fib(11)"]], runs: { numbers: ["run of numbers"] } },
  { what: "a step's `when`", at: [[main, "> math.least", ">= math.least"]], runs: { evaluate: ["when of evaluate"] } },
  { what: "a template's text", at: [[main, "settings.title}: ", "settings.title} - "]], runs: { report: ["run of report"] } },
  { what: "an operator in a step", at: [[main, "row) => parseRow(row)", "row) => -parseRow(row)"]], runs: { load: ["run of load"] } },
  { what: "a step becomes async", at: [[main, "run: () => legacy(1)", "run: async () => legacy(1)"]], runs: { old: ["run of old"] } },
  { what: "two steps at once", at: [[main, "legacy(1)", "legacy(2)"], [main, "noop()", "[noop()]"]], runs: { old: ["run of old"], idle: ["run of idle"] } },
  // Local functions, constants, classes.
  { what: "a constant of the step's module", at: [[main, "FACTOR = 2", "FACTOR = 3"]], runs: { clean: ["FACTOR"] } },
  { what: "a constant that no step uses", at: [[main, "UNUSED = 1", "UNUSED = 2"]], runs: {} },
  { what: "a function of another module", at: [["src/read.ts", "row.length", "row.length + 1"]], runs: { load: ["parse"] } },
  { what: "a function exported by default", at: [["src/read.ts", "lines.map(", "lines.filter(Boolean).map("]], runs: { load: ["read"] } },
  { what: "a helper of a helper", at: [["src/read.ts", "line.trim()", "line.trimEnd()"]], runs: { load: ["trim"] } },
  { what: "a constant below a helper", at: [["src/read.ts", `SEPARATOR = "\\n"`, `SEPARATOR = ";"`]], runs: { load: ["SEPARATOR"] } },
  { what: "an unrelated function of the same file", at: [["src/read.ts", "string => row\n", "string => row + row\n"]], runs: {} },
  { what: "what a namespace import is read for", at: [["src/math.ts", "/ values.length", "/ (values.length + 1)"]], runs: { evaluate: ["mean"] } },
  { what: "a constant that `when` reads", at: [["src/math.ts", "least = 0", "least = 1"]], runs: { evaluate: ["least"] } },
  { what: "a function below one of a namespace", at: [["src/math.ts", "total += value", "total += value * 1"]], runs: { evaluate: ["sum"] } },
  { what: "another function of a namespace", at: [["src/math.ts", ">> 1", ">> 2"]], runs: {} },
  { what: "what is re-exported by a star", at: [["src/clean.ts", "row * factor", "row + factor"]], runs: { clean: ["normalise"] } },
  { what: "another function behind a star", at: [["src/clean.ts", "ReadonlyArray<number> => rows\n", "ReadonlyArray<number> => [...rows]\n"]], runs: {} },
  { what: "three modules away", at: [["src/bound.ts", "most = 1000", "most = 1001"]], runs: { clean: ["most"] } },
  { what: "a method of a class that is re-exported by another name", at: [["src/model.ts", "row + RATE", "row - RATE"]], runs: { train: ["Network"] } },
  { what: "a constructor", at: [["src/model.ts", "this.limit = limit", "this.limit = limit + 1"]], runs: { train: ["Network"] } },
  { what: "a base class", at: [["src/model.ts", "Array<number> = []", "Array<number> = [0]"]], runs: { train: ["Base"] } },
  { what: "a constant that a method uses", at: [["src/model.ts", "RATE = 0.1", "RATE = 0.2"]], runs: { train: ["RATE"] } },
  { what: "another class of the file", at: [["src/model.ts", "class Other {}", "class Other { x = 1 }"]], runs: {} },
  { what: "a constant behind `imports` of package.json", at: [["src/config.ts", "LIMIT = 3", "LIMIT = 4"]], runs: { train: ["LIMIT"] } },
  { what: "another constant there", at: [["src/config.ts", "OTHER = 4", "OTHER = 5"]], runs: {} },
  { what: "`imports` lead elsewhere", at: [["package.json", "./src/config.ts", "./src/configured.ts"], ["src/configured.ts", undefined, "export const LIMIT = 30\nexport interface Options { readonly limit: number }\n"]], runs: { train: ["LIMIT"] } },
  { what: "a module imported when it is needed, by an alias of tsconfig", at: [["src/lazy.ts", "pause = 5", "pause = 6"]], runs: { lazy: ["pause"] } },
  { what: "the alias leads elsewhere", at: [["tsconfig.json", "./src/*", "./other/*"], ["other/lazy.ts", undefined, "export const slow = () => 7\n"]], runs: { lazy: ["slow"] } },
  // JavaScript.
  { what: "a function in JavaScript", at: [["src/legacy.js", "* 2", "* 3"]], runs: { old: ["legacy"] } },
  { what: "a constant in JavaScript", at: [["src/legacy.js", "base = 7", "base = 8"]], runs: { old: ["base"] } },
  { what: "a helper in JavaScript", at: [["src/legacy.js", "n + base", "base - n"]], runs: { old: ["helper"] } },
  { what: "another function in JavaScript", at: [["src/legacy.js", "return 1", "return 2"]], runs: {} },
  { what: "a comment in JavaScript", at: [["src/legacy.js", "// Adds.", "// Adds, and doubles."]], runs: {} },
  // What fills and registers.
  { what: "what a plugin registers", at: [["src/plugins.ts", `register("title", title)`, `register("title", title + "!")`]], runs: { report: [`register("title", title + "!")`] } },
  { what: "a constant that a plugin registers", at: [["src/title.ts", `"Report"`, `"Summary"`]], runs: { report: ["title"] } },
  { what: "another constant of that file", at: [["src/title.ts", "of today", "of tomorrow"]], runs: {} },
  { what: "the function that registers", at: [["src/registry.ts", "table.set(key, value)", "table.set(key, value.trim())"]], runs: { report: ["register"] } },
  { what: "the function that looks up", at: [["src/registry.ts", `"none"`, `"nothing"`]], runs: { report: ["lookup"] } },
  { what: "a function that only reads the table", at: [["src/registry.ts", "table.size", "table.size + 1"]], runs: {} },
  { what: "another plugin, in a file that nobody imports yet", at: [["src/more.ts", undefined, `import { register } from "./registry.ts"\nregister("more", "x")\n`]], runs: { report: [`register("more", "x")`] }, needless: "a file that fills a table counts before it is loaded" },
  { what: "what is assigned to a member at the top of a module", at: [["src/kinds.ts", "() => first()", "() => first() + 1"]], runs: { kinds: [`handlers["a"] = () => first() + 1`] } },
  { what: "what such an assignment uses", at: [["src/kinds.ts", `"first"`, `"1st"`]], runs: { kinds: ["first"] } },
  { what: "a second assignment", at: [["src/kinds.ts", "", `handlers["b"] = () => "b"\n`]], runs: { kinds: [`handlers["b"] = () => "b"`] } },
  { what: "something global is replaced by a module that is loaded before", at: [["src/title.ts", "", "Array.prototype.at = () => undefined\n"]], runs: all("Array.prototype.at = () => undefined") },
  { what: "a package is set up by a module that is imported for what it does", at: [["src/plugins.ts", "", `import { noop } from "other"\nnoop()\n`]], runs: all("noop()") },
  { what: "what is pushed under another name", at: [["src/shared.ts", "push(4)", "push(5)"]], runs: { shared: ["same.push(5)"] } },
  { what: "what is pushed into what a function gives, in another file", at: [["src/title.ts", "", `import { all } from "./shared.ts"\nall().unshift(9)\n`]], runs: { shared: ["all().unshift(9)"] } },
  { what: "what only reads what a function gives", at: [["src/shared.ts", "all().length", "all().length + 1"]], runs: {} },
  { what: "a constant that methods of an object use", at: [["src/api.ts", "base = 1", "base = 2"]], runs: { listed: ["base"], counted: ["base"] } },
  { what: "one of two steps that call methods of one object", at: [[main, "api.count(2)", "api.count(3)"]], runs: { counted: ["run of counted"] } },
  { what: "one of two steps that read by one instance", at: [[main, `reader.read("b")`, `reader.read("a")`]], runs: { listed: ["run of listed"] } },
  { what: "a private field of a class that an instance is made of", at: [["src/api.ts", `["b", 2]`, `["b", 3]`]], runs: { listed: ["Reader"], counted: ["Reader"] } },
  { what: "a memo", at: [["src/memo.ts", "n < 2 ? n", "n < 1 ? n"]], runs: { numbers: ["fib"] } },
  { what: "a hole in a pattern", at: [["src/odd.ts", "[, second]", "[second]"]], runs: { odd: ["middle"] } },
  { what: "a hole in a list", at: [["src/odd.ts", "[1, , 2]", "[1, 2]"]], runs: { odd: ["sparse"] } },
  { what: "what another name of `Object.assign` fills in", at: [["src/odd.ts", "{ on: 1 }", "{ on: 2 }"]], runs: { odd: ["set"] } },
  { what: "what a borrowed method pushes", at: [["src/odd.ts", "call(stack, 7)", "call(stack, 8)"]], runs: { odd: ["Array.prototype.push.call(stack, 8)"] } },
  { what: "what is filled in through an object that is handed over", at: [["src/fill.ts", "to: table }, 1)", "to: table }, 10)"]], runs: { filled: ["put({ to: table }, 10)"] } },
  { what: "what is filled in through a list", at: [["src/fill.ts", `"b", 2`, `"b", 20`]], runs: { filled: [`for (const each of [table]) each.set("b", 20)`] } },
  { what: "what is filled in through a constant that holds the table", at: [["src/fill.ts", `"c", 3`, `"c", 30`]], runs: { filled: [`holder.table.set("c", 30)`] } },
  { what: "what is filled in by another name, from another file", at: [["src/fill.ts", `"d", 4`, `"d", 40`]], runs: { filled: [`alias.set("d", 40)`] } },
  { what: "a function of a list that a function fills it in by", at: [["src/fill.ts", `"e", 5`, `"e", 50`]], runs: { filled: ["plugins"] } },
  { what: "a constructor that fills it in", at: [["src/fill.ts", `"f", 6`, `"f", 60`]], runs: { filled: ["Plugin"] } },
  { what: "what a method of another constant fills in", at: [["src/fill.ts", `"g", 7`, `"g", 70`]], runs: { filled: [`registry.add("g", 70)`] } },
  { what: "the same, by a method that was taken from it", at: [["src/fill.ts", `"h", 8`, `"h", 80`]], runs: { filled: [`add("h", 80)`] } },
  { what: "the same, by a method with a name that elsewhere changes nothing", at: [["src/fill.ts", `"i", 9`, `"i", 90`]], runs: { filled: [`registry.with("i", 90)`] } },
  { what: "what an instance fills in that keeps the table", at: [["src/fill.ts", "put(10)", "put(100)"]], runs: { filled: ["keeper.put(100)"] } },
  { what: "what a static method of a base class fills in", at: [["src/fill.ts", "put(11)", "put(110)"]], runs: { filled: ["Sub.put(110)"] } },
  { what: "what a function fills in that another one made", at: [["src/fill.ts", "set(12)", "set(120)"]], runs: { filled: ["set(120)"] } },
  { what: "a method of that constant which only reads", at: [["src/fill.ts", "registry.size() > 0", "registry.size() > 1"]], runs: {} },
  { what: "a method that hands on its instance", at: [["src/counter.ts", "counter.add(1)", "counter.add(10)"]], runs: { summed: ["counter.add(10)"] } },
  { what: "a method that changes its instance by another name", at: [["src/counter.ts", "each([2])", "each([20])"]], runs: { summed: ["counter.each([20])"] } },
  { what: "the order in which modules fill a list", at: [[main, `import "./first.ts"\nimport "./second.ts"`, `import "./second.ts"\nimport "./first.ts"`]], runs: { ordered: ["what its imports load, in order"] } },
  { what: "a module that fills a list is no longer imported", at: [[main, `import "./second.ts"\n`, ""]], runs: { ordered: ["what its imports load, in order"] } },
  { what: "a function of the runtime is replaced", at: [["src/title.ts", "", "Date.parse = () => 7\n"]], runs: all("Date.parse = () => 7") },
  { what: "something global is set by a function that is called as a module is loaded", at: [["src/title.ts", "", `import { install } from "./install.ts"\ninstall()\n`], ["src/install.ts", undefined, "export const install = (): void => void Object.assign(globalThis, { installed: 1 })\n"]], runs: all("install") },
  { what: "something global is set by a function that is called where it stands", at: [["src/title.ts", "", ";(() => {\n  Object.assign(globalThis, { installed: 1 })\n})()\n"]], runs: all("(() => { Object.assign(globalThis, { installed: 1 …") },
  { what: "a function that would set something global is called by nobody", at: [["src/title.ts", "", "export const install = (): void => void Object.assign(globalThis, { installed: 1 })\n"]], runs: {} },
  // Forms of code.
  { what: "a tag of a template", at: [["src/forms.ts", `join("+")`, `join("-")`]], runs: { formed: ["tag"] } },
  { what: "what a static block calls", at: [["src/forms.ts", "return 5", "return 6"]], runs: { formed: ["origin"] } },
  { what: "a getter", at: [["src/forms.ts", "return Kind.first", "return -Kind.first"]], runs: { formed: ["Kind"] } },
  { what: "a computed key", at: [["src/forms.ts", `KEY = "a"`, `KEY = "b"`]], runs: { formed: ["KEY"] } },
  { what: "a parameter's default", at: [["src/forms.ts", "step = STEP", "step = STEP + 1"]], runs: { formed: ["forms"] } },
  { what: "a constant in a parameter's default", at: [["src/forms.ts", "STEP = 1", "STEP = 2"]], runs: { formed: ["STEP"] } },
  { what: "a function that stands in a list, behind two names", at: [["src/leaf.ts", "=> 4", "=> 5"]], runs: { formed: ["leaf"] } },
  { what: "a function that stands in a map", at: [["src/forms.ts", "=> n + 1", "=> n - 1"]], runs: { formed: ["mapped"] } },
  { what: "a function in an object that another one made", at: [["src/forms.ts", "=> 3", "=> 4"]], runs: { formed: ["made"] } },
  { what: "a name leads elsewhere on its way", at: [["src/nest.ts", "leaf as inner", "other as inner"]], runs: { formed: ["listed"] } },
  { what: "a module that imports itself in a circle", at: [["src/uneven.ts", `"odd"`, `"uneven"`]], runs: { formed: ["odd"] } },
  { what: "what is taken from a namespace", at: [["src/leaf.ts", "=> 6", "=> 7"]], runs: { formed: ["other"] } },
  { what: "a module loaded by a `require` that was created", at: [["src/old.cjs", "1", "2"]], runs: { required: ["exports.rate = 2"] } },
  { what: "a file that is resolved beside the module", at: [["src/note.txt", "Noted", "Marked"]], runs: { required: ["content"] } },
  // Data and packages.
  { what: "imported JSON", at: [["src/settings.json", "Shop", "Store"]], runs: { report: ["content"] } },
  { what: "a text beside the module", at: [["src/prompt.txt", "hello", "goodbye"]], runs: { prompt: ["content"] } },
  { what: "a package's version", at: [["node_modules/dep/package.json", "1.0.0", "1.0.1"]], runs: { evaluate: ["1.0.1", "1.0.0"] } },
  { what: "the version of a package below", at: [["node_modules/below/package.json", "1.0.0", "1.1.0"]], runs: { evaluate: ["1.0.0"] } },
  { what: "the locked content of a package", at: [["package-lock.json", "sha512-dep", "sha512-changed"]], runs: { evaluate: ["1.0.0"] } },
  { what: "the version of another package", at: [["node_modules/other/package.json", "1.0.0", "2.0.0"]], runs: { idle: ["1.0.0", "2.0.0"] } },
  { what: "a package of the workspace, by a file behind its entry", at: [["packages/lib/src/scale.ts", "n * UNIT", "UNIT * n"]], runs: { evaluate: ["scale"] } },
  { what: "a constant of a package of the workspace", at: [["packages/lib/src/scale.ts", "UNIT = 100", "UNIT = 10"]], runs: { evaluate: ["UNIT"] } },
  { what: "another export of a package of the workspace", at: [["packages/lib/src/index.ts", "unrelated = 1", "unrelated = 2"]], runs: {} },
  { what: "another entry of a package of the workspace", at: [["packages/lib/src/extra.ts", "1", "2"]], runs: {} },
  { what: "the version of a package of the workspace", at: [["packages/lib/package.json", `"type"`, `"version": "9.0.0", "type"`]], runs: {} },
  // What does not count.
  { what: "a comment above a step", at: [[main, "// Reads everything.", "// Reads all there is."]], runs: {} },
  { what: "a comment inside of a function", at: [["src/math.ts", "let total = 0", "let total = 0 // so far"]], runs: {} },
  { what: "formatting", at: [["src/math.ts", "=> sum(values) / values.length", "=>\n  (sum(values)\n    / values.length)"]], runs: {} },
  { what: "quotes", at: [["src/read.ts", `"\\n"`, `'\\n'`]], runs: {} },
  { what: "a renamed local", at: [["src/read.ts", "const lines = text.split(SEPARATOR)\n  return lines.map((line) => trim(line))", "const all = text.split(SEPARATOR)\n  return all.map((each) => trim(each))"]], runs: {} },
  { what: "a renamed parameter", at: [["src/clean.ts", "(rows: ReadonlyArray<number>, factor: number): ReadonlyArray<number> => rows.map((row) => bound(row * factor))", "(all: ReadonlyArray<number>, by: number): ReadonlyArray<number> => all.map((one) => bound(one * by))"]], runs: {} },
  { what: "a renamed helper", at: [["src/read.ts", "trim(line))", "strip(line))"], ["src/read.ts", "const trim", "const strip"]], runs: {} },
  { what: "a renamed import", at: [[main, "parse as parseRow", "parse as parseLine"], [main, "parseRow(row)", "parseLine(row)"]], runs: {} },
  { what: "declarations in another order", at: [["src/bound.ts", "export const most = 1000\n", ""], ["src/bound.ts", "export const bound", "export const most = 1000\nexport const bound"]], runs: {} },
  { what: "steps in another order", at: [[main, `export const idle = Step.make("idle", { run: () => noop() })\n`, ""], [main, "// Reads everything.", `export const idle = Step.make("idle", { run: () => noop() })`]], runs: {} },
  { what: "a type annotation", at: [["src/math.ts", "least = 0", "least: number = 0"]], runs: {} },
  { what: "an interface", at: [[main, "readonly a: number", "readonly a: string"]], runs: {} },
  { what: "a type that is imported", at: [["src/config.ts", "limit: number }", "limit: number; readonly more?: string }"]], runs: {} },
  { what: "`as` and `satisfies`", at: [["src/bound.ts", "Math.min(n, most)", "(Math.min(n as number, most) satisfies number)"]], runs: {} },
  { what: "a file that nothing imports", at: [["src/apart.ts", "1", "2"]], runs: {} },
  { what: "a new file", at: [["src/new.ts", undefined, "export const x = 1\n"]], runs: {} },
  { what: "a new step", at: [[main, "export const steps", `export const added = Step.make("added", { run: () => FACTOR })\nexport const steps`]], runs: {} },
  { what: "a statement that prints", at: [[main, `? "one"`, `? "1"`]], runs: {} },
  { what: "a function moves to another file", at: [["src/bound.ts", "export const most = 1000\n", ""], ["src/bound.ts", "export const bound", `import { most } from "./most.ts"\nexport const bound`], ["src/most.ts", undefined, "export const most = 1000\n"]], runs: {} },
  { what: "imported by name instead of by namespace", at: [[main, `import * as math from "./math.ts"`, `import { least, mean } from "./math.ts"`], [main, "math.least", "least"], [main, "math.mean", "mean"]], runs: {} },
  { what: "imported from its own file instead of the index", at: [[main, `{ Model, normalise } from "./index.ts"`, `{ Network as Model } from "./model.ts"\nimport { normalise } from "./clean.ts"`]], runs: {} },
  { what: "an unused import", at: [[main, "import read,", `import "./apart.ts"\nimport read,`]], runs: {} },
  // Named in docs/semantics.md as what runs again without need.
  { what: "a renamed class", at: [["src/model.ts", "extends Base", "extends Root"], ["src/model.ts", "class Base", "class Root"]], runs: { train: ["Base", "Root"] }, needless: "a program can see the name of a class" },
  { what: "a method that the step does not call", at: [["src/model.ts", "fit(row", "reset(): void {}\n  fit(row"]], runs: { train: ["Network"] }, needless: "a class counts as one" },
  { what: "the same, written in another way", at: [["src/read.ts", "(line: string): string => line.trim()", "(line: string): string => { return line.trim() }"]], runs: { load: ["trim"] }, needless: "only the form of the code is compared" }
]
