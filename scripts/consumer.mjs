// The packages as a stranger gets them: packed, installed by plain npm into an empty project outside the workspace, and
// used from TypeScript, from ESM and from CommonJS. A workspace link hides a missing file; this does not.
// `--keep` leaves the project there and prints its path.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { catalogVersion, installPacked, outside, publicPackages, run } from "./workspace.mjs"

// Entries that only work inside their host and cannot simply be imported, with the reason.
const notImportable = {}

// Extend here: small programs that use the packages as their READMEs say. Each file is type checked if it is
// TypeScript, then run; a program that throws fails the check.
const programs = {
  "pipeline.ts": `
import { Metrics, Pipeline, Schema, Step } from "uniflow"

const load = Step.make("load", {
  params: { count: Schema.Int },
  run: async ({ params }) => Float64Array.from({ length: params.count }, (_, i) => i)
})

const train = Step.make("train", {
  inputs: { numbers: load },
  params: { rate: Schema.Number },
  run: async ({ inputs, params, metrics, checkpoint }) => {
    let state = (await checkpoint.latest<{ epoch: number; weight: number }>("state")) ?? { epoch: 0, weight: 0 }
    while (state.epoch < 3) {
      state = { epoch: state.epoch + 1, weight: state.weight + params.rate * (inputs.numbers.at(-1) ?? 0) }
      metrics.log({ weight: state.weight }, { index: state.epoch })
      await checkpoint.save("state", state)
    }
    return state
  }
})

const evaluate = Step.make("evaluate", { inputs: { model: train }, run: ({ inputs }) => Metrics.create({ score: inputs.model.weight }) })

export const small = Pipeline.make("small", { steps: [evaluate], goals: { score: "maximize" } })
`,
  "uniflow.config.ts": `
import { defineConfig } from "uniflow"
import { small } from "./pipeline.ts"

export default defineConfig({ pipelines: [small] })
`,
  "use.ts": `
import { Uniflow } from "uniflow"
import { small } from "./pipeline.ts"

const uniflow = await Uniflow.open()
const run = await uniflow.run(small, { runId: "from-typescript", params: { count: 11, rate: 0.5 } })
const score: number = run.outputs.evaluate.score
if (score !== 15) throw new Error(\`the score is \${score}\`)
const again = await uniflow.run(small, { runId: "from-typescript", params: { count: 11, rate: 0.5 } })
if (again.decisions.train.decision !== "restored") throw new Error(String(again.explain()))
await uniflow.close()
`,
  "again.ts": `
import { Uniflow } from "uniflow"
import { small } from "./pipeline.ts"

// Another process: nothing has changed, so nothing is executed.
const uniflow = await Uniflow.open()
const run = await uniflow.run(small, { runId: "from-typescript", params: { count: 11, rate: 0.5 } })
if (Object.values(run.decisions).some(({ decision }) => decision !== "restored")) throw new Error(String(run.explain()))
await uniflow.close()
`,
  "use.mjs": `
import { Pipeline, Step, Uniflow } from "uniflow"

const one = Step.make("one", { run: () => ({ at: new Date(0), big: 2n ** 70n }) })
const two = Step.make("two", { inputs: { one }, run: ({ inputs }) => String(inputs.one.big) })
const uniflow = await Uniflow.open()
const run = await uniflow.run(Pipeline.make("plain", { steps: [two] }), { runId: "from-javascript" })
if (run.outputs.two !== "1180591620717411303424" || run.outputs.one.at.getTime() !== 0) throw new Error("another value came back")
await uniflow.close()
`,
  "use.cjs": `
const { compareRuns, Pipeline, Schema, Step, Uniflow } = require("uniflow")

const grow = Step.make("grow", { params: { by: Schema.Number }, run: ({ params, metrics }) => metrics.log({ size: params.by }) })
const pipeline = Pipeline.make("required", { steps: [grow] })

const main = async () => {
  const uniflow = Uniflow.lazy()
  for (const by of [1, 2]) await uniflow.run(pipeline, { runId: "required-" + by, params: { by } })
  const comparison = await compareRuns(["required-1", "required-2"])
  if (!String(comparison).includes("size")) throw new Error(String(comparison))
  await uniflow.close()
}
main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
`
}

// Extend here: the commands a package brings, as they are typed.
const commands = [
  ["uniflow", ["--help"]],
  ["uniflow", ["run", "small", "--run-id", "from-command", "--param", "count=11", "--param", "rate=0.25"]],
  ["uniflow", ["explain", "from-command"]],
  ["uniflow", ["experiment", "compare", "from-typescript", "from-command"]],
  ["uniflow", ["experiment", "show", "from-command", "--json"]],
  ["uniflow", ["reproduce", "from-command", "--in-place"]],
  ["uniflow", ["doctor"]]
]

/** What the project installs beside the packages: their peers, and what a TypeScript user has. */
const companions = ["effect", "fast-check", "typescript", "vite", "vitest", "@types/node"]

const packages = publicPackages()
const project = mkdtempSync(join(tmpdir(), "uniflow-consumer-"))
const inProject = (program, args) => run(program, args, { cwd: project, env: outside, capture: true })

let failures = 0
const check = (name, body) => {
  try {
    body()
    console.log(`ok     ${name}`)
  } catch (error) {
    failures += 1
    console.error(`FAILED ${name}\n${error.message}`)
  }
}

try {
  installPacked(packages, project, {
    name: "consumer",
    private: true,
    dependencies: Object.fromEntries(companions.map((name) => [name, catalogVersion(name)]))
  })

  for (const { name } of packages) {
    check(`${name}: its manifest names no workspace, catalog or source`, () => {
      const manifest = readFileSync(join(project, "node_modules", name, "package.json"), "utf8")
      const found = /workspace:|catalog:|uniflow-source/.exec(manifest)
      if (found) throw new Error(`package.json of ${name} holds "${found[0]}"`)
    })
  }

  const entries = packages.flatMap(({ name, manifest }) =>
    Object.keys(manifest.exports)
      .filter((entry) => entry !== "./package.json" && !entry.includes("*"))
      .map((entry) => `${name}${entry.slice(1)}`)
  )
  const importable = entries.filter((entry) => !(entry in notImportable))
  for (const entry of importable) {
    check(`import("${entry}")`, () => inProject("node", ["--input-type=module", "-e", `await import("${entry}")`]))
    check(`require("${entry}")`, () => inProject("node", ["-e", `require("${entry}")`]))
  }

  for (const [file, text] of Object.entries(programs)) writeFileSync(join(project, file), text)
  writeFileSync(join(project, "entries.ts"), entries.map((entry, index) => `export * as entry${index} from "${entry}"\n`).join(""))
  writeFileSync(join(project, "entries.cts"), entries.map((entry, index) => `export import entry${index} = require("${entry}")\n`).join(""))

  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--allowImportingTsExtensions", "--target", "es2023", "--types", "node"]
  const sources = [...Object.keys(programs).filter((file) => /\.[cm]?tsx?$/.test(file)), "entries.ts"]
  writeFileSync(join(project, "package.json"), readFileSync(join(project, "package.json"), "utf8").replace("{", `{"type":"module",`))
  check("tsc, as NodeNext", () =>
    inProject("npx", ["tsc", ...options, "--skipLibCheck", "--module", "nodenext", ...sources, "entries.cts"]))
  check("tsc, as a bundler resolves", () =>
    inProject("npx", ["tsc", ...options, "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler", ...sources]))

  for (const file of Object.keys(programs)) check(`node ${file}`, () => inProject("node", [file]))
  for (const [command, args] of commands) check(`${command} ${args.join(" ")}`, () => inProject("npx", ["--no-install", command, ...args]))
} finally {
  if (process.argv.includes("--keep")) console.log(project)
  else rmSync(project, { recursive: true, force: true })
}
process.exit(failures === 0 ? 0 : 1)
