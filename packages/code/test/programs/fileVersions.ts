// How often steps of the edit corpus would run again, were their code versions made from esbuild's metafile; prints one line of JSON
// for each way. Run by hand, for docs/adr/0006-reading-code.md: node --conditions=uniflow-source packages/code/test/programs/fileVersions.ts
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type BuildOptions, build } from "esbuild"
import { edited, edits } from "../corpus/edits.ts"
import { files, write } from "../corpus/project.ts"

type Versions = Readonly<Record<string, string>>

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")
const textIn = (folder: string, path: string): string => readFileSync(join(folder, path), "utf8")

/** What stands for a file: its content; for one of an installed package that one's manifest and what the lockfile says of it. */
const stampOf = (folder: string, path: string): string => {
  const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? []
  if (name === undefined) return textIn(folder, path)
  const { packages } = JSON.parse(textIn(folder, "package-lock.json")) as { readonly packages: Readonly<Record<string, { readonly integrity?: string } | undefined>> }
  return `${textIn(folder, `node_modules/${name}/package.json`)}${packages[`node_modules/${name}`]?.integrity}`
}

const options = { bundle: true, write: false as const, metafile: true as const, platform: "node", format: "esm", logLevel: "silent", external: ["@uniflow/core"] } satisfies BuildOptions

/** Steps as they stand, all of them in one file: all that this one imports. */
const byFile = async (folder: string, steps: ReadonlyArray<string>): Promise<Versions> => {
  const { metafile } = await build({ ...options, absWorkingDir: folder, entryPoints: ["src/main.ts"] })
  const version = sha256(Object.keys(metafile.inputs).sort().map((path) => stampOf(folder, path)).join("\0"))
  return Object.fromEntries(steps.map((step) => [step, version]))
}

/** A module with one step alone, as if each stood in a file of its own. */
const alone = (main: string, step: string): string => {
  const from = main.search(/^(?:\/\/ Reads|export const \w+ = Step)/m)
  const own = new RegExp(`^export const ${step} = Step\\.make\\([\\s\\S]*?(?=^(?:export const|// |console))`, "m").exec(main)?.[0]
  if (own === undefined) throw new Error(`${step} was not found`)
  return `${main.slice(0, from)}${own.replace(/inputs: \{[^}]*\},?/, "")}`
}

/** A step in a file of its own: the files that something is left of when esbuild has dropped what is not used; or that text itself. */
const byStep = async (folder: string, steps: ReadonlyArray<string>): Promise<{ readonly files: Versions; readonly texts: Versions }> => {
  const found = { files: {} as Record<string, string>, texts: {} as Record<string, string> }
  for (const step of steps) {
    const contents = alone(textIn(folder, "src/main.ts"), step)
    const { metafile, outputFiles } = await build({ ...options, minify: true, absWorkingDir: folder, stdin: { contents, resolveDir: join(folder, "src"), sourcefile: "src/step.ts", loader: "ts" } })
    const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs)).filter(([path, { bytesInOutput }]) => bytesInOutput > 0 && !path.endsWith("step.ts"))
    found.files[step] = sha256([contents, ...inputs.map(([path]) => path).sort().map((path) => stampOf(folder, path))].join("\0"))
    const installed = inputs.map(([path]) => path).filter((path) => path.startsWith("node_modules/")).map((path) => stampOf(folder, path))
    found.texts[step] = sha256([outputFiles[0]!.text, ...installed].join("\0"))
  }
  return found
}

const without = (all: ReadonlySet<string>, others: ReadonlySet<string>): number => [...all].filter((each) => !others.has(each)).length

const root = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-files-")))
const counts = Object.fromEntries(["deep", "files of the module", "files of the step", "text of the step"].map((way) => [way, { needlessSteps: 0, needlessEdits: 0, missedSteps: 0, missedEdits: [] as Array<string> }]))
const steps = Array.from(files["src/main.ts"]!.matchAll(/^export const (\w+) = Step\.make\(/gm), ([, name]) => name!)

try {
  const versionsOf = async (content: Readonly<Record<string, string>>, name: string): Promise<Readonly<Record<string, Versions>>> => {
    const folder = join(root, name)
    write(folder, content)
    const { files, texts } = await byStep(folder, steps)
    return { "files of the module": await byFile(folder, steps), "files of the step": files, "text of the step": texts }
  }
  const before = await versionsOf(files, "before")
  for (const [i, edit] of edits.entries()) {
    const after = await versionsOf(edited(edit), String(i))
    const needed = new Set(edit.needless === undefined ? Object.keys(edit.runs) : [])
    const changed = {
      deep: new Set(Object.keys(edit.runs)),
      ...Object.fromEntries(Object.entries(after).map(([way, versions]) => [way, new Set(steps.filter((step) => versions[step] !== before[way]![step]))]))
    }
    for (const [way, again] of Object.entries(changed)) {
      const count = counts[way]!
      const [needless, missed] = [without(again, needed), without(needed, again)]
      count.needlessSteps += needless
      count.needlessEdits += needless > 0 ? 1 : 0
      count.missedSteps += missed
      if (missed > 0) count.missedEdits.push(edit.what)
    }
  }
  console.log(JSON.stringify({ edits: edits.length, steps: steps.length, needed: edits.reduce((sum, { needless, runs }) => sum + (needless === undefined ? Object.keys(runs).length : 0), 0) }))
  for (const [way, count] of Object.entries(counts)) console.log(JSON.stringify({ way, ...count }))
} finally {
  rmSync(root, { recursive: true, force: true })
}
