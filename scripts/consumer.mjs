// The packages as a stranger gets them: packed, installed by plain npm into an empty project outside the workspace, and
// used from TypeScript, from ESM and from CommonJS. A workspace link hides a missing file; this does not.
// `--keep` leaves the project there and prints its path.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pack, publicPackages, root, run } from "./workspace.mjs"

// Entries that only work inside their host and cannot simply be imported, with the reason.
const notImportable = {}

// Extend here: small programs that use the packages as their READMEs say. Each file is type checked if it is
// TypeScript, then run; a program that throws fails the check.
const programs = {
  "use.ts": `
import * as uniflow from "uniflow"

const names: ReadonlyArray<string> = Object.keys(uniflow)
if (names.length === 0) throw new Error("uniflow exports nothing")
`,
  "use.mjs": `
import * as uniflow from "uniflow"

if (Object.keys(uniflow).length === 0) throw new Error("uniflow exports nothing")
`,
  "use.cjs": `
const uniflow = require("uniflow")

if (Object.keys(uniflow).length === 0) throw new Error("uniflow exports nothing")
`
}

// Extend here: the commands a package brings, as they are typed.
const commands = [["uniflow", ["--help"]]]

/** What the project installs beside the packages: their peers, and what a TypeScript user has. */
const companions = ["effect", "fast-check", "typescript", "vite", "vitest", "@types/node"]

const catalogVersion = (name) => {
  const line = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")
    .split("\n")
    .find((text) => text.startsWith(`  ${name}: `) || text.startsWith(`  "${name}": `))
  if (line === undefined) throw new Error(`${name} is not in the catalog of pnpm-workspace.yaml`)
  return line.split(": ")[1].trim()
}

const packages = publicPackages()
const project = mkdtempSync(join(tmpdir(), "uniflow-consumer-"))
// Node's flags of this workspace must not reach the project.
const env = { NODE_OPTIONS: "", NODE_PATH: "" }
const inProject = (program, args) => run(program, args, { cwd: project, env, capture: true })

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
  const tarballs = pack(packages, project)
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({
      name: "consumer",
      private: true,
      dependencies: {
        ...Object.fromEntries(Object.entries(tarballs).map(([name, file]) => [name, `file:${file}`])),
        ...Object.fromEntries(companions.map((name) => [name, catalogVersion(name)]))
      }
    })
  )
  run("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline", "--loglevel=error"], { cwd: project, env })

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

  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2023", "--types", "node"]
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
