import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { transformSync as swcTransformSync } from "@swc/core"
import type { Code } from "@uniflow/core"
import { type BuildOptions, build, transformSync } from "esbuild"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const require = createRequire(import.meta.url)
const program = fileURLToPath(new URL("programs/codes.ts", import.meta.url))
const packageRoot = fileURLToPath(new URL("..", import.meta.url))

let project: string
beforeEach(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-one-")))
  write("package.json", `{ "type": "module" }`)
  write("package-lock.json", "{}")
  mkdirSync(join(project, "node_modules", "@uniflow"), { recursive: true })
  link("@uniflow/core", dirname(dirname(fileURLToPath(import.meta.resolve("@uniflow/core")))))
  for (const name of ["effect", "vitest"]) link(name, dirname(require.resolve(`${name}/package.json`)))
  write("src/helper.ts", `import { below } from "./below.ts"
export interface Row { readonly a: number }
/** Adds. */
export const helper = <T extends Row>(row: T, by: number = 1): number => below(row.a as number) + by
export class Model { private readonly weights: Array<number> = []; fit(n: number): this { this.weights.push(n); return this } }
`)
  write("src/below.ts", `export function below(n: number): number { return n * RATE }\nconst RATE: number = 2\n`)
  write("src/table.ts", `export const table = new Map<string, () => number>()\nexport const register = (name: string, f: () => number): void => void table.set(name, f)\n`)
  write("src/plugins.ts", `import { register } from "./table.ts"\nimport settings from "./settings.json" with { type: "json" }\nregister("a", () => settings.rate ?? 0)\n`)
  write("src/settings.json", `{ "rate": 3 }`)
  write("src/lazy.ts", `export default async function* slow(n: number): AsyncGenerator<number> { yield n ** 2 }\n`)
  write("src/index.ts", `export * from "./helper.ts"\nexport * as tables from "./table.ts"\n`)
  write("src/main.ts", `import { Step } from "@uniflow/core"
import { helper, Model, tables, type Row } from "./index.ts"
import "./plugins.ts"

const K: number = 3
export const plain = Step.make("plain", { run: () => helper({ a: K } satisfies Row) })
export const longer = Step.make("longer", {
  run: async ({ signal }): Promise<Model> => {
    signal.throwIfAborted()
    return new Model().fit(await Promise.resolve(helper({ a: K })))
  }
})
const named = async (): Promise<number> => {
  const { default: slow } = await import("./lazy.ts")
  for await (const n of slow(K)) return n
  return 0
}
export const byName = Step.make("byName", { run: named }), registered = Step.make("registered", { run() { return tables.table.get("a")?.() } })
export const guarded = Step.make("guarded", {
  inputs: { plain },
  when: ({ inputs }): boolean => inputs.plain > K,
  run: ({ inputs }) => \`${"${inputs.plain}"}: ${"${K}"}\`
})
export const steps = [plain, longer, byName, registered, guarded]
`)
})
afterEach(() => rmSync(project, { recursive: true, force: true }))

const modules = ["main", "index", "helper", "below", "table", "plugins", "lazy"]
const write = (path: string, content: string): void => {
  mkdirSync(dirname(join(project, path)), { recursive: true })
  writeFileSync(join(project, path), content)
}
const link = (name: string, folder: string): void => {
  mkdirSync(dirname(join(project, "node_modules", name)), { recursive: true })
  symlinkSync(folder, join(project, "node_modules", name))
}
const run = (args: ReadonlyArray<string>, cwd = project, env: Readonly<Record<string, string>> = {}): string => {
  const { error, status, stderr, stdout } = spawnSync(process.execPath, args, { cwd, encoding: "utf8", maxBuffer: 1 << 26, env: { ...process.env, ...env } })
  if (status !== 0) throw error ?? new Error(`${stdout.slice(-2000)}\n${stderr}`)
  return stdout
}
const codes = (path: string): Record<string, Code> => JSON.parse(run(["--conditions=uniflow-source", program, join(project, path)]))
const hashes = (all: Record<string, Code>) => Object.fromEntries(Object.entries(all).map(([name, code]) => [name, code.kind === "deep" ? code.hash : JSON.stringify(code)]))
/** What Node's type stripping gives: what all others are compared with. */
const own = (): Record<string, string> => {
  const found = hashes(codes("src/main.ts"))
  expect(Object.keys(found)).toEqual(["plain", "longer", "byName", "registered", "guarded"])
  for (const hash of Object.values(found)) expect(hash).toMatch(/^[0-9a-f]{64}$/)
  return found
}
const sourceOf = (name: string): string => readFileSync(join(project, `src/${name}.ts`), "utf8")

const tsc = (module: "NodeNext" | "CommonJS" = "NodeNext"): void => {
  write("tsconfig.json", JSON.stringify({
    compilerOptions: { target: "ES2023", module, ...(module === "CommonJS" ? { moduleResolution: "Bundler" } : {}), rootDir: "src", outDir: "dist", sourceMap: true, rewriteRelativeImportExtensions: true, resolveJsonModule: true, esModuleInterop: true, skipLibCheck: true, types: [], customConditions: ["uniflow-source"], noCheck: true },
    include: ["src"]
  }))
  run([join(dirname(require.resolve("typescript/package.json")), "bin", "tsc"), "-p", project], packageRoot)
  write("dist/package.json", `{ "type": "${module === "CommonJS" ? "commonjs" : "module"}" }`)
}
const esbuild = (sourcemap: boolean): void => {
  for (const name of modules) {
    const { code } = transformSync(sourceOf(name), { loader: "ts", format: "esm", sourcemap: sourcemap ? "inline" : false, sourcefile: `../src/${name}.ts` })
    write(`dist/${name}.js`, code.replaceAll(/"\.\/(\w+)\.ts"/g, `"./$1.js"`))
  }
  write("dist/settings.json", readFileSync(join(project, "src/settings.json"), "utf8"))
}
const bundle = (options: BuildOptions): Promise<unknown> =>
  build({ entryPoints: [join(project, "src/main.ts")], outfile: join(project, "dist/main.js"), bundle: true, format: "esm", external: ["@uniflow/core"], ...options })
const swc = (module: "es6" | "commonjs", sourceMaps: boolean | "inline"): void => {
  for (const name of modules) {
    const { code, map } = swcTransformSync(sourceOf(name), {
      filename: join(project, `src/${name}.ts`),
      sourceFileName: `../src/${name}.ts`,
      sourceMaps,
      swcrc: false,
      configFile: false,
      module: { type: module },
      jsc: { target: "es2022", parser: { syntax: "typescript", decorators: true }, experimental: { keepImportAttributes: true } }
    })
    const js = code.replaceAll(/"\.\/(\w+)\.ts"/g, `"./$1.js"`)
    write(`dist/${name}.js`, map === undefined ? js : `${js}\n//# sourceMappingURL=${name}.js.map\n`)
    if (map !== undefined) write(`dist/${name}.js.map`, map)
  }
  write("dist/settings.json", readFileSync(join(project, "src/settings.json"), "utf8"))
  write("dist/package.json", `{ "type": "${module === "commonjs" ? "commonjs" : "module"}" }`)
}
const vitest = (coverage: "v8" | "istanbul" | undefined, env: Readonly<Record<string, string>> = {}): Record<string, Code> => {
  if (coverage !== undefined) link(`@vitest/coverage-${coverage}`, dirname(require.resolve(`@vitest/coverage-${coverage}/package.json`)))
  write("test/codes.test.ts", `import { expect, it } from "vitest"
import { Effect } from ${JSON.stringify(fileURLToPath(import.meta.resolve("effect")))}
import { writeFileSync } from "node:fs"
import { DeepCodeVersion } from ${JSON.stringify(fileURLToPath(new URL("../src/index.ts", import.meta.url)))}
import { steps } from "../src/main.ts"
it("codes", async () => {
  const codes = {}
  for (const { definition, name } of steps) {
    const functions = [definition.run, definition.when].filter((f) => f !== undefined)
    codes[name] = await Effect.runPromise(DeepCodeVersion.make().of({ step: name, functions, definedAt: definition.definedAt }))
  }
  writeFileSync(${JSON.stringify(join(project, "codes.json"))}, JSON.stringify({ codes, running: [steps[0].definition.run, steps[1].definition.run].join() }))
  expect(codes).toBeDefined()
})
`)
  write("vitest.config.mjs", `const conditions = ["uniflow-source", "module", "node", "development|production"]
export default {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ["uniflow-source", "node"] } },
  test: { execArgv: ["--conditions=uniflow-source"], pool: "forks", coverage: { provider: ${JSON.stringify(coverage ?? "v8")}, include: ["src/**"], reporter: ["json"], reportsDirectory: "coverage" } }
}
`)
  run([join(dirname(require.resolve("vitest/package.json")), "vitest.mjs"), "run", "--root", project, ...(coverage === undefined ? [] : ["--coverage"])], project, env)
  if (coverage !== undefined) expect(readFileSync(join(project, "coverage/coverage-final.json"), "utf8")).toContain("src/below.ts")
  const { codes, running } = JSON.parse(readFileSync(join(project, "codes.json"), "utf8"))
  // Istanbul's counters stand in the text that runs.
  expect(running.includes("cov_")).toBe(coverage === "istanbul")
  return codes
}

describe("a step has one code version, loaded by", () => {
  it.each(["NodeNext", "CommonJS"] as const)("Node, which strips its types, and as tsc compiled it to %s", (module) => {
    const expected = own()
    tsc(module)
    expect(hashes(codes("dist/main.js"))).toEqual(expected)
  })

  it.each([["es6", true], ["es6", "inline"], ["commonjs", true]] as const)("SWC, as %s with source maps: %s", (module, sourceMaps) => {
    const expected = own()
    swc(module, sourceMaps)
    expect(hashes(codes("dist/main.js"))).toEqual(expected)
  })

  it("esbuild, file by file", () => {
    const expected = own()
    esbuild(true)
    expect(hashes(codes("dist/main.js"))).toEqual(expected)
  })

  it.each([["", {}], [", minified", { minify: true }], [" of CommonJS", { format: "cjs", outExtension: { ".js": ".cjs" } }]] as const)("esbuild, as one bundle%s", async (_, options) => {
    const expected = own()
    const file = "format" in options ? "dist/main.cjs" : "dist/main.js"
    await bundle({ sourcemap: true, ...options, outfile: join(project, file) })
    expect(hashes(codes(file))).toEqual(expected)
  })

  it.each([undefined, "v8", "istanbul"] as const)("vitest with coverage by: %s", (coverage) => {
    const expected = own()
    expect(hashes(vitest(coverage))).toEqual(expected)
  }, 60_000)

  it("vitest while Node itself collects coverage", () => {
    const expected = own()
    expect(hashes(vitest(undefined, { NODE_V8_COVERAGE: join(project, "coverage") }))).toEqual(expected)
  }, 60_000)
})

describe("where no source can be seen", () => {
  const withoutSources = (path: string): Record<string, Code> => {
    renameSync(join(project, "src"), join(project, "gone"))
    const found = codes(path)
    renameSync(join(project, "gone"), join(project, "src"))
    return found
  }
  const changedAfter = async (compile: () => unknown, edit: () => void): Promise<ReadonlyArray<string>> => {
    await compile()
    const before = withoutSources("dist/main.js")
    edit()
    await compile()
    const isSame = (was: Code, is: Code): boolean => was.kind !== "unknown" && JSON.stringify(hashes({ was })) === JSON.stringify(hashes({ was: is }))
    return Object.entries(withoutSources("dist/main.js")).flatMap(([name, code]) => isSame(before[name]!, code) ? [] : [name])
  }
  const compilers: ReadonlyArray<readonly [string, () => unknown]> = [
    ["SWC", () => swc("es6", false)],
    ["SWC, with maps to sources that are gone", () => swc("es6", true)],
    ["SWC, to CommonJS", () => swc("commonjs", false)],
    ["esbuild", () => esbuild(false)],
    ["esbuild, to one bundle", () => bundle({})]
  ]

  it.each(compilers)("a step counts as what was compiled, and what a change makes run again does so: %s", async (_, compile) => {
    expect(await changedAfter(compile, () => write("src/lazy.ts", `export default async function* slow(n: number): AsyncGenerator<number> { yield n ** 3 }\n`))).toContain("byName")
    expect(await changedAfter(compile, () => write("src/plugins.ts", `import { register } from "./table.ts"\nregister("a", () => 7)\n`))).toContain("registered")
    expect(await changedAfter(compile, () => write("src/below.ts", `export function below(n: number): number { return n * RATE }\nconst RATE: number = 5\n`))).toEqual(expect.arrayContaining(["plain", "longer"]))
  }, 60_000)

  it("in the folder of an application's bundler a step is shallow, and says so", async () => {
    await bundle({ outfile: join(project, ".next/server/main.js") })
    for (const code of Object.values(codes(".next/server/main.js"))) expect(code).toMatchObject({ kind: "shallow", why: "it runs from a bundle" })
  })

  it("a step of a module that is no file is shallow, and says so", () => {
    const text = `import { Step } from ${JSON.stringify(import.meta.resolve("@uniflow/core"))}; export const steps = [Step.make("a", { run: () => 1 })]`
    write("main.mjs", `export const { steps } = await import(${JSON.stringify(`data:text/javascript,${encodeURIComponent(text)}`)})`)
    expect(codes("main.mjs")["a"]).toMatchObject({ kind: "shallow", why: "the call that made it was not found in its file" })
  })
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
