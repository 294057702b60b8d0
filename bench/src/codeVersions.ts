import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { setTimeout } from "node:timers/promises"
import { type Line, line } from "./Line.ts"
import { withFolder } from "./workspace.ts"

const MODULES = 500
const STEPS = 20

/** What the code of all steps may add to the start of an unchanged project, in milliseconds. */
const LIMIT = 30

/** A module of five declarations that uses three others. */
const moduleText = (i: number): string => {
  const used = [...new Set([i * 3 + 1, i * 3 + 2, i * 3 + 3])].filter((j) => j < MODULES)
  return `${used.map((j) => `import { f${j} } from "./m${j}.ts"\n`).join("")}
/** What module ${i} is for. */
export interface Row${i} { readonly a: number; readonly b: string }
const limit${i} = ${i}
const table${i} = [${i}, ${i + 1}, ${i + 2}]
const inner = (row: Row${i}): number => row.a * limit${i} + row.b.length + (table${i}[row.a] ?? 0)
export class Model${i} {
  readonly weights: Array<number> = []
  fit(row: Row${i}): this {
    this.weights.push(inner(row))
    return this
  }
}
export function f${i}(n: number): number {
  const model = new Model${i}().fit({ a: n, b: "x".repeat(n % 7) })
  return model.weights.length${used.map((j) => ` + f${j}(n)`).join("")}
}
`
}

/** Writes the project, and a program that prints how long its steps' codes take and how long its files' stats. */
const write = (folder: string): void => {
  mkdirSync(join(folder, "src"))
  mkdirSync(join(folder, ".uniflow"))
  const [uniflow, effect] = ["uniflow", "effect"].map((name) => JSON.stringify(import.meta.resolve(name)))
  const code = JSON.stringify(new URL("../../packages/code/src/index.ts", import.meta.url).href)
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
  writeFileSync(join(folder, "package-lock.json"), "{}")
  for (let i = 0; i < MODULES; i++) writeFileSync(join(folder, "src", `m${i}.ts`), moduleText(i))
  const steps = Array.from({ length: STEPS }, (_, i) => `Step.make("s${i}", { run: () => f${i}(${i}) })`)
  writeFileSync(
    join(folder, "src", "main.ts"),
    `import { Step } from ${uniflow}\n${steps.map((_, i) => `import { f${i} } from "./m${i}.ts"\n`).join("")}export const steps = [\n  ${steps.join(",\n  ")}\n]\n`
  )
  writeFileSync(join(folder, "measure.mjs"), `
import { Effect } from ${effect}
import { readdirSync, statSync } from "node:fs"
import { DeepCodeVersion } from ${code}
import { steps } from "./src/main.ts"
const stat = () => {
  const begun = performance.now()
  for (const name of readdirSync("src")) statSync("src/" + name, { bigint: true })
  return performance.now() - begun
}
stat()
const against = stat()
// What every start does anyway.
await Effect.runPromise(Effect.yieldNow)
const service = DeepCodeVersion.make({ cacheFile: ".uniflow/cache/sources", reachedFile: ".uniflow/cache/code" })
const begun = performance.now()
const kinds = new Set()
for (const { definition, name } of steps) kinds.add((await Effect.runPromise(service.of({ step: name, functions: [definition.run], definedAt: definition.definedAt }))).kind)
const value = performance.now() - begun
service.save()
if ([...kinds].join() !== "deep") throw new Error("not deep: " + [...kinds])
console.log(JSON.stringify({ value, against }))
`)
}

/** What would stand for the code if files did: esbuild's list of all that the module with the steps imports, and a digest of each. */
const writeMetafile = (folder: string): void => {
  const esbuild = JSON.stringify(pathToFileURL(createRequire(new URL("../../packages/code/package.json", import.meta.url)).resolve("esbuild")).href)
  writeFileSync(join(folder, "metafile.mjs"), `
import { build, stop } from ${esbuild}
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
const begun = performance.now()
const { metafile } = await build({ entryPoints: ["src/main.ts"], bundle: true, write: false, metafile: true, platform: "node", format: "esm", external: ["file:*"] })
const files = Object.keys(metafile.inputs).sort()
const version = createHash("sha256")
for (const file of files) version.update(createHash("sha256").update(readFileSync(file)).digest())
version.digest("hex")
const value = performance.now() - begun
if (files.length !== ${MODULES + 1}) throw new Error("not all of them: " + files.length)
console.log(JSON.stringify({ value }))
await stop()
`)
}

/** 7: what reading the steps' code adds to a start, of a project of 500 modules. */
export const codeVersions = (rounds: number): Promise<ReadonlyArray<Line>> =>
  withFolder(async (folder) => {
    write(folder)
    writeMetafile(folder)
    // Stamps are trusted once a file has rested.
    await setTimeout(2200)
    const run = (program: string) => JSON.parse(execFileSync(process.execPath, ["--conditions=uniflow-source", program], { cwd: folder, encoding: "utf8" }))
    const measure = (): { readonly value: number; readonly against: number } => run("measure.mjs")
    const forget = (): void => rmSync(join(folder, ".uniflow", "cache"), { recursive: true, force: true })
    const besideMetafile = Array.from({ length: Math.max(3, rounds) }, () => {
      forget()
      return { value: measure().value, against: run("metafile.mjs").value as number }
    })
    forget()
    const cold = measure()
    const warm = Array.from({ length: Math.max(3, rounds) }, measure)
    writeFileSync(join(folder, "src", `m${MODULES - 1}.ts`), moduleText(MODULES - 1).replace("return model", "return 1 + model"))
    const edited = measure()
    const stat = `stat of the same ${MODULES} files`
    return [
      line({ name: "code-500-modules-unchanged", unit: "ms", against: "the limit", pairs: warm.map(({ value }) => ({ value, against: LIMIT })), bar: { most: 1 } }),
      line({ name: "code-500-modules-unchanged-stat", unit: "ms", against: stat, pairs: warm, bar: null }),
      line({ name: "code-500-modules-first", unit: "ms", against: stat, pairs: [cold], bar: null }),
      line({ name: "code-500-modules-first-metafile", unit: "ms", against: "esbuild's metafile of the same modules, and a digest of each", pairs: besideMetafile, bar: null }),
      line({ name: "code-500-modules-one-edited", unit: "ms", against: stat, pairs: [edited], bar: null })
    ]
  })
