// The documentation as a reader would follow it: every link leads somewhere, every TypeScript snippet is type checked
// and run, every `uniflow` or `node` line of a shell snippet too, document by document, each in an empty project.
// `node scripts/docs.mjs README.md` takes one document; `--keep` leaves the projects there and says where.
//
// What may stand behind the language of a fence (readers do not see it):
//   file=train.ts   the file it is kept in, for the snippets after it; a second one of that name replaces it
//                   (of a diff fence) changes that file: the lines without the + ones become those without the - ones
//   types           type checked, and kept if it has a file, but not run
//   exit=1          it must end with this code instead of 0
//   kill="epoch 3"  killed with SIGKILL as soon as its output holds this text
//   output          (of a text fence) what the last snippet printed, numbers, times and widths aside; `…` stands for
//                   anything within a line, alone in a line for any lines
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { publicPackages, root } from "./workspace.mjs"

const args = process.argv.slice(2)
const keep = args.includes("--keep")
const only = args.filter((arg) => !arg.startsWith("--"))

/** Markdown files directly in a folder. */
const markdown = (folder) => existsSync(join(root, folder)) ? readdirSync(join(root, folder)).filter((name) => name.endsWith(".md")).map((name) => join(folder, name)) : []

const readmes = (group) => existsSync(join(root, group)) ? readdirSync(join(root, group)).map((name) => join(group, name, "README.md")).filter((path) => existsSync(join(root, path))) : []

const chosen = (path) => existsSync(join(root, path)) && (only.length === 0 || only.includes(path))

/** Documents whose links alone are looked at: their snippets are for this repository, or parts of something. */
const linked = ["CONTRIBUTING.md", ...markdown("docs/adr"), ...markdown("docs/format")].filter(chosen)

const documents = ["README.md", ...markdown("docs"), ...readmes("packages"), ...readmes("integrations"), ...readmes("examples")]
  .filter(chosen)

/** The fenced snippets of a document, with what stands behind their language. */
const snippetsOf = (path) => {
  const text = readFileSync(join(root, path), "utf8")
  const found = []
  for (const match of text.matchAll(/^( *)```([a-z]+)([^\n]*)\n([\s\S]*?)^\1```$/gm)) {
    const [, indent, language, info, body] = match
    const options = {}
    for (const [, name, quoted, bare] of info.matchAll(/([a-z]+)(?:=(?:"([^"]*)"|(\S+)))?/g)) options[name] = quoted ?? bare ?? true
    const line = text.slice(0, match.index).split("\n").length
    found.push({ language, options, where: `${path}:${line}`, code: body.replaceAll(new RegExp(`^${indent}`, "gm"), "") })
  }
  return found
}

const base = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-docs-")))
const write = (path, text) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
const link = (name, target) => {
  const path = join(base, "node_modules", name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}
for (const { name, directory } of publicPackages()) link(name, directory)
for (const name of ["effect", "vitest", "vite", "fast-check", "@types/node"]) link(name, realpathSync(join(root, "node_modules", name)))
// What the page is mounted in.
for (const name of ["@remix-run/node-fetch-server", "express", "@types/express", "fastify"]) link(name, realpathSync(join(root, "packages/dashboard/node_modules", name)))
write(join(base, "package.json"), JSON.stringify({ private: true, type: "module" }))
write(join(base, "tsconfig.json"), JSON.stringify({
  extends: join(root, "tsconfig.base.json"),
  compilerOptions: { noUnusedLocals: false, typeRoots: [join(base, "node_modules", "@types")] },
  include: ["types/**/*.ts"]
}))

write(join(base, "vitest.config.ts"), `
import config from ${JSON.stringify(join(root, "vitest.config.ts"))}

export default { ...config, test: { ...config.test, include: ["run/*/*.test.ts"] } }
`)

const command = join(root, "packages", "uniflow", "src", "bin.ts")
const env = { ...process.env, NODE_OPTIONS: "--conditions=uniflow-source", NO_COLOR: "1", CI: "true" }
delete env.UNIFLOW_DIR

/** Runs a program, and kills it when its output holds a text. */
const execute = (program, words, cwd, kill) =>
  new Promise((resolve) => {
    const child = spawn(program, words, { cwd, env, stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    const take = (chunk) => {
      output += chunk
      if (kill !== undefined && output.includes(kill)) child.kill("SIGKILL")
    }
    child.stdout.setEncoding("utf8").on("data", take)
    child.stderr.setEncoding("utf8").on("data", take)
    child.on("error", (error) => resolve({ code: undefined, signal: null, output: String(error) }))
    child.on("close", (code, signal) => resolve({ code, signal, output }))
  })

/** The words of a shell line, quotes resolved. */
const wordsOf = (line) => (line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, "$1$2"))

/** Program and arguments of a line that is run here; undefined for others, such as an installation. */
const programOf = (line) => {
  const words = wordsOf(line.replace(/\s#.*$/, ""))
  if (words[0] === "npx") words.shift()
  if (words[0] === "uniflow") return [process.execPath, [command, ...words.slice(1)]]
  if (words[0] === "node") return [process.execPath, words.slice(1)]
  return undefined
}

/** An output without what differs from one execution to the next: numbers, times, digests, the width of columns. */
const lasting = (text) =>
  text
    .replaceAll(/\b[0-9a-f]{8,64}\b/g, "0")
    .replaceAll(/\d+(?:[.,:-]\d+)*/g, "0")
    .replaceAll(/\b0 ?(?:ms|s|min|h)\b/g, "0 s")
    .replaceAll(/─+/g, "─")
    .replaceAll(/[ \t]+/g, " ")
    .replaceAll(/ $/gm, "")
    .trimEnd()

const matches = (expected, actual) => {
  const lines = lasting(expected).split("\n").map((line) =>
    line.trim() === "…" ? "(?:[^\\n]*\\n)*?" : `${line.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("…", "[^\\n]*")}\\n`)
  return new RegExp(`^${lines.join("")}$`).test(`${lasting(actual)}\n`)
}

/** A file's text with a change applied to the one place that it fits. */
const patched = (text, diff, where) => {
  const lines = diff.trimEnd().split("\n")
  const side = (other) => lines.filter((line) => !line.startsWith(other)).map((line) => `${line.slice(1)}\n`).join("")
  const parts = (text ?? "").split(side("+"))
  if (parts.length !== 2) throw new Error(`${where}: the change fits ${parts.length - 1} places`)
  return parts.join(side("-"))
}

const failures = []
const fail = (where, problem) => {
  failures.push(where)
  console.error(`FAILED ${where}\n${problem.replaceAll(/^/gm, "       ")}`)
}

for (const path of [...documents, ...linked]) {
  const text = readFileSync(join(root, path), "utf8").replaceAll(/^( *)```[\s\S]*?^\1```$/gm, "")
  for (const [, target] of text.matchAll(/\]\((?![a-z]+:)([^)#\s]+)[^)]*\)/g)) {
    if (!existsSync(join(root, dirname(path), target))) fail(path, `it links to ${target}, which is not there`)
  }
}

const all = documents.map((path) => ({ path, slug: path.replaceAll(/[/.]/g, "-"), snippets: snippetsOf(path) }))

// A document's files as they stand together; a file that is replaced begins another set.
for (const { slug, snippets } of all) {
  let set = 0
  let files = new Map()
  const flush = () => {
    for (const [name, code] of files) write(join(base, "types", slug, String(set), name), code)
  }
  for (const [at, snippet] of snippets.entries()) {
    snippet.file = snippet.options.file ?? (snippet.language === "ts" ? `snippet-${at + 1}.ts` : undefined)
    if (snippet.language === "diff" && snippet.file !== undefined) snippet.code = patched(files.get(snippet.file), snippet.code, snippet.where)
    else if (snippet.language !== "ts") continue
    if (files.has(snippet.file)) {
      flush()
      set++
      files = new Map(files)
    }
    files.set(snippet.file, snippet.code)
  }
  flush()
}
const checked = spawnSync(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", base], { cwd: base, encoding: "utf8" })
if (checked.status !== 0) fail("types", `${checked.stdout}${checked.stderr}`)
else console.log("ok     types")

for (const { path, slug, snippets } of all) {
  const project = join(base, "run", slug)
  write(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }))
  // The root of a project is where its lockfile is.
  write(join(project, "package-lock.json"), JSON.stringify({ name: "project", lockfileVersion: 3, packages: {} }))
  let last
  let count = 0
  for (const { language, options, where, code, file } of snippets) {
    if (language === "text" && options.output) {
      if (last === undefined) fail(where, "nothing was run before it")
      else if (!matches(code, last)) fail(where, `it was printed:\n${last}`)
      continue
    }
    if (file !== undefined) write(join(project, file), code)
    if (options.types) continue
    const programs = language === "ts"
      ? [file.endsWith(".test.ts")
        ? [process.execPath, [join(root, "node_modules", "vitest", "vitest.mjs"), "run", "--root", base, join(project, file)]]
        : [process.execPath, [file]]]
      : language === "sh" ? code.split("\n").map(programOf).filter((one) => one !== undefined) : []
    if (programs.length > 0) last = ""
    for (const [program, words] of programs) {
      count++
      const ended = await execute(program, words, project, options.kill)
      last += ended.output
      const expected = options.kill === undefined ? Number(options.exit ?? 0) : "SIGKILL"
      if ((ended.signal ?? ended.code) !== expected) {
        fail(where, `${[relative(root, words[0]), ...words.slice(1)].join(" ")} ended with ${ended.signal ?? ended.code} instead of ${expected}\n${ended.output}`)
      }
    }
  }
  console.log(`       ${path}: ${count} run`)
}

if (keep) console.log(base)
else rmSync(base, { recursive: true, force: true })
console.log(failures.length === 0 ? `${all.length} documents hold` : `${failures.length} failed`)
process.exit(failures.length === 0 ? 0 : 1)
