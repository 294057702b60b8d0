import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Code } from "@uniflow/core"
import { build, transformSync } from "esbuild"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const require = createRequire(import.meta.url)
const program = fileURLToPath(new URL("programs/codes.ts", import.meta.url))
const packageRoot = fileURLToPath(new URL("..", import.meta.url))

let project: string
beforeEach(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-one-")))
  write("package.json", `{ "type": "module" }`)
  write("package-lock.json", "{}")
  write("tsconfig.json", `{ "compilerOptions": { "target": "ES2023", "module": "NodeNext", "rootDir": "src", "outDir": "dist", "sourceMap": true, "rewriteRelativeImportExtensions": true, "skipLibCheck": true, "types": [], "customConditions": ["uniflow-source"], "noCheck": true }, "include": ["src"] }`)
  mkdirSync(join(project, "node_modules", "@uniflow"), { recursive: true })
  symlinkSync(dirname(dirname(fileURLToPath(import.meta.resolve("@uniflow/core")))), join(project, "node_modules", "@uniflow", "core"))
  symlinkSync(dirname(require.resolve("effect/package.json")), join(project, "node_modules", "effect"))
  write("src/helper.ts", `import { below } from "./below.ts"
export interface Row { readonly a: number }
/** Adds. */
export const helper = <T extends Row>(row: T): number => below(row.a as number) + 1
export class Model { private readonly weights: Array<number> = []; fit(n: number): this { this.weights.push(n); return this } }
`)
  write("src/below.ts", `export function below(n: number): number { return n * RATE }\nconst RATE: number = 2\n`)
  write("src/main.ts", `import { Step } from "@uniflow/core"
import { helper, Model, type Row } from "./helper.ts"
const K: number = 3
export const plain = Step.make("plain", { run: () => helper({ a: K } satisfies Row) })
export const longer = Step.make("longer", {
  run: async ({ signal }): Promise<Model> => {
    signal.throwIfAborted()
    return new Model().fit(await Promise.resolve(helper({ a: K })))
  }
})
export const steps = [plain, longer]
`)
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

const write = (path: string, content: string): void => {
  mkdirSync(dirname(join(project, path)), { recursive: true })
  writeFileSync(join(project, path), content)
}
const run = (args: ReadonlyArray<string>, cwd = project, env: Readonly<Record<string, string>> = {}): string => {
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { cwd, encoding: "utf8", env: { ...process.env, ...env } })
  if (status !== 0) throw new Error(`${stdout}\n${stderr}`)
  return stdout
}
const codes = (path: string): Record<string, Code> => JSON.parse(run(["--conditions=uniflow-source", program, join(project, path)]))
const hashes = (all: Record<string, Code>) => Object.fromEntries(Object.entries(all).map(([name, code]) => [name, code.kind === "deep" ? code.hash : JSON.stringify(code)]))
const tsc = (): void => void run([join(dirname(require.resolve("typescript/package.json")), "bin", "tsc"), "-p", project], packageRoot)

describe("a step has one code version, loaded by", () => {
  it("Node, which strips its types, and as tsc compiled it", () => {
    const own = hashes(codes("src/main.ts"))
    expect(own["plain"]).toMatch(/^[0-9a-f]{64}$/)
    tsc()
    expect(hashes(codes("dist/main.js"))).toEqual(own)
  })

  it("esbuild, file by file and as one bundle", async () => {
    const own = hashes(codes("src/main.ts"))
    for (const name of ["main", "helper", "below"]) {
      const { code } = transformSync(readFileSync(join(project, `src/${name}.ts`), "utf8"), { loader: "ts", format: "esm", sourcemap: "inline", sourcefile: `../src/${name}.ts` })
      write(`out/${name}.js`, code.replaceAll(/"\.\/(\w+)\.ts"/g, `"./$1.js"`))
    }
    expect(hashes(codes("out/main.js"))).toEqual(own)
    await build({ entryPoints: [join(project, "src/main.ts")], outfile: join(project, "bundle/main.js"), bundle: true, format: "esm", sourcemap: true, external: ["@uniflow/core"] })
    expect(hashes(codes("bundle/main.js"))).toEqual(own)
  })

  it("vitest, with and without V8's coverage", () => {
    const own = hashes(codes("src/main.ts"))
    write("test/codes.test.ts", `import { expect, it } from "vitest"
import { Effect } from ${JSON.stringify(fileURLToPath(import.meta.resolve("effect")))}
import { writeFileSync } from "node:fs"
import { DeepCodeVersion } from ${JSON.stringify(fileURLToPath(new URL("../src/index.ts", import.meta.url)))}
import { steps } from "../src/main.ts"
it("codes", async () => {
  const codes = {}
  for (const { definition, name } of steps) codes[name] = await Effect.runPromise(DeepCodeVersion.make().of({ step: name, functions: [definition.run], definedAt: definition.definedAt }))
  writeFileSync(${JSON.stringify(join(project, "codes.json"))}, JSON.stringify(codes))
  expect(codes).toBeDefined()
})
`)
    write("vitest.config.mjs", `const conditions = ["uniflow-source", "module", "node", "development|production"]
export default { resolve: { conditions }, ssr: { resolve: { conditions, externalConditions: ["uniflow-source", "node"] } }, test: { execArgv: ["--conditions=uniflow-source"], pool: "forks" } }`)
    const vitest = join(dirname(require.resolve("vitest/package.json")), "vitest.mjs")
    for (const env of [{}, { NODE_V8_COVERAGE: join(project, "coverage") }]) {
      run([vitest, "run", "--root", project], project, env)
      expect(hashes(JSON.parse(readFileSync(join(project, "codes.json"), "utf8")))).toEqual(own)
    }
  }, 60_000)
})

describe("compiled code whose source was changed since", () => {
  const change = (): void => write("src/below.ts", `export function below(n: number): number { return n * RATE }\nconst RATE: number = 5\n`)

  it("counts as what it was compiled from, until it is compiled again", () => {
    const own = hashes(codes("src/main.ts"))
    tsc()
    change()
    const stale = codes("dist/main.js")
    expect(hashes(stale)).toEqual(own)
    expect((stale["plain"] as { parts: ReadonlyArray<{ file: string }> }).parts.map(({ file }) => file)).toContain("dist/below.js")
    expect(hashes(codes("src/main.ts"))).not.toEqual(own)
    tsc()
    expect(hashes(codes("dist/main.js"))).toEqual(hashes(codes("src/main.ts")))
  })

  it("in a bundle, too, by the texts that the map holds", async () => {
    const own = hashes(codes("src/main.ts"))
    const bundle = () => build({ entryPoints: [join(project, "src/main.ts")], outfile: join(project, "bundle/main.js"), bundle: true, format: "esm", sourcemap: true, external: ["@uniflow/core"] })
    await bundle()
    change()
    expect(hashes(codes("bundle/main.js"))).not.toEqual(hashes(codes("src/main.ts")))
    expect(hashes(codes("bundle/main.js"))["plain"]).toBe(own["plain"])
    await bundle()
    expect(hashes(codes("bundle/main.js"))).toEqual(hashes(codes("src/main.ts")))
  })
})
