/** Captures what a working tree has beyond its commit (`WorkingTreePatch`), by git's own words, touching nothing of it. */
import { createHash } from "node:crypto"
import { copyFile, lstat, mkdir, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { Effect } from "effect"
import { encode, type LeftOut, MAX_BYTES } from "../WorkingTreePatch.ts"
import { operate } from "./fileOperations.ts"
import { git } from "./gitCommand.ts"
import { holdsSecret, isSecretFile, withoutSecrets } from "./patchSecrets.ts"

/** Files beyond so many are left out, the largest first. */
const MAX_FILES = 2000

/** Paths given to git at a time, in characters: far below what any system takes. */
const MAX_ARGUMENTS = 24_000

/** A file that differs from the commit. */
interface Entry {
  readonly path: string
  readonly untracked: boolean
  readonly submodule: boolean
}

/** Reads `git status --porcelain=v2 -z --branch --no-renames`. */
export const parseEntries = (text: string): { readonly commit: string | undefined; readonly entries: ReadonlyArray<Entry> } => {
  let commit: string | undefined
  const entries: Array<Entry> = []
  for (const line of text.split("\0")) {
    if (line.startsWith("# branch.oid ")) commit = line.slice("# branch.oid ".length)
    else if (line.startsWith("? ")) entries.push({ path: line.slice(2), untracked: true, submodule: line.endsWith("/") })
    else if (line.startsWith("1 ") || line.startsWith("u ")) {
      const fields = line.split(" ")
      entries.push({ path: fields.slice(line.startsWith("1 ") ? 8 : 10).join(" "), untracked: false, submodule: fields[2]!.startsWith("S") })
    }
  }
  return { commit, entries }
}

/** A part of a patch: what it says of one file. As latin1, a character for each byte. */
interface Section {
  readonly path: string
  readonly text: string
}

const escapes: { readonly [letter: string]: number } = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, "\"": 34, "\\": 92 }

/** A name as git quotes it (`"a\303\251"`), in latin1. */
const unquote = (name: string): string =>
  name.startsWith("\"")
    ? name.slice(1, -1).replace(/\\([0-7]{3}|.)/g, (_, code: string) => String.fromCharCode(code.length === 3 ? parseInt(code, 8) : escapes[code] ?? code.charCodeAt(0)))
    : name

const HEAD = "diff --git "

/** Parts a patch by files. Both names of a file are the same, as there are no renames: each is half of the line. */
export const sectionsOf = (patch: string): ReadonlyArray<Section> =>
  patch.split(/^(?=diff --git )/m).filter((text) => text.startsWith(HEAD)).map((text) => {
    const names = text.slice(HEAD.length, text.indexOf("\n"))
    const latin1 = unquote(names.slice(0, (names.length - 1) / 2)).replace(/^a\//, "")
    return { path: Buffer.from(latin1, "latin1").toString("utf8"), text }
  })

const isBinary = (text: string): boolean => /^GIT binary patch$/m.test(text)

/** The part without secrets; undefined where it cannot do without. */
const clean = (text: string, env: Readonly<Record<string, string | undefined>>): string | undefined => {
  const lines = text.split("\n")
  const begin = lines.findIndex((line) => line.startsWith("@@ "))
  if (begin < 0) return text
  const result = lines.slice(0, begin)
  // Committed, so they cannot be replaced: the patch would not apply.
  const committed: Array<string> = []
  let added: Array<string> = []
  const take = (): boolean => {
    if (added.length === 0) return true
    const block = added.join("\n")
    const without = withoutSecrets(block, env).split("\n")
    if (without.length !== added.length) return false
    for (const line of without) result.push(`+${line}`)
    added = []
    return true
  }
  for (const line of lines.slice(begin)) {
    if (line.startsWith("+")) {
      added.push(line.slice(1))
      continue
    }
    if (!take()) return undefined
    committed.push(line.slice(1))
    result.push(line)
  }
  return take() && !holdsSecret(committed.join("\n"), env) ? result.join("\n") : undefined
}

/** The environment's values as they stand in latin1 texts. */
const latin1Variables = (): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value === undefined ? value : Buffer.from(value).toString("latin1")]))

interface Sized extends Entry {
  readonly sizeBytes: number
  readonly stamp: string
}

const look = (root: string, entry: Entry): Effect.Effect<Sized> =>
  operate(() => lstat(join(root, entry.path))).pipe(
    Effect.map(({ ino, mode, mtimeMs, size }) => ({ ...entry, sizeBytes: size, stamp: `${ino} ${mode} ${mtimeMs} ${size}` })),
    // It was deleted.
    Effect.orElseSucceed(() => ({ ...entry, sizeBytes: 0, stamp: "" }))
  )

/** What is asked of git for, and what is not even looked at, with the reason. */
const choose = (entries: ReadonlyArray<Sized>): { readonly wanted: ReadonlyArray<Sized>; readonly leftOut: ReadonlyArray<LeftOut> } => {
  const leftOut: Array<LeftOut> = []
  const wanted: Array<Sized> = []
  let bytes = 0
  for (const entry of entries.toSorted((a, b) => a.sizeBytes - b.sizeBytes || (a.path < b.path ? -1 : 1))) {
    const why = entry.submodule
      ? "it is a repository of its own"
      : isSecretFile(entry.path)
      ? "its name says that it holds secrets"
      : entry.path.includes("\uFFFD")
      ? "its name is not UTF-8"
      : (bytes += entry.sizeBytes) > MAX_BYTES || wanted.length >= MAX_FILES
      ? "the patch would be too large"
      : undefined
    if (why === undefined) wanted.push(entry)
    else leftOut.push({ path: entry.path, why })
  }
  // A file in whose place there is a folder now would bring what is left out of that folder along.
  const covers = wanted.filter(({ path }) => leftOut.some((other) => other.path.startsWith(`${path}/`)))
  return { wanted: wanted.filter((entry) => !covers.includes(entry)), leftOut: [...leftOut, ...covers.map(({ path }) => ({ path, why: "a folder stands in its place" }))] }
}

const chunks = (paths: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const parts: Array<Array<string>> = []
  let length = Infinity
  for (const path of paths) {
    length += path.length + 1
    if (length > MAX_ARGUMENTS) {
      parts.push([])
      length = path.length
    }
    parts.at(-1)!.push(path)
  }
  return parts
}

/** The patch of these files as git writes it, latin1; undefined where git did not come to an end. Untracked ones are entered into a copy of the index. */
const diff = Effect.fnUntraced(function*(root: string, places: { readonly index: string; readonly objects: string }, wanted: ReadonlyArray<Sized>) {
  const untracked = wanted.filter((entry) => entry.untracked)
  const scratch = yield* operate(() => mkdtemp(join(tmpdir(), "uniflow-index-")))
  const work = Effect.gen(function*() {
    let env: { [name: string]: string } = { GIT_LITERAL_PATHSPECS: "1" }
    if (untracked.length > 0) {
      const index = join(scratch, "index")
      const objects = join(scratch, "objects")
      yield* operate(() => mkdir(objects))
      // A repository in which nothing was ever added has none.
      yield* Effect.ignore(operate(() => copyFile(places.index, index)))
      env = { ...env, GIT_INDEX_FILE: index, GIT_OBJECT_DIRECTORY: objects, GIT_ALTERNATE_OBJECT_DIRECTORIES: places.objects }
      const input = Buffer.from(untracked.map(({ path }) => `${path}\0`).join(""))
      const added = yield* git(root, ["add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul"], { env, input })
      if (!added.complete) return undefined
    }
    let text = ""
    for (const paths of chunks(wanted.map(({ path }) => path))) {
      const part = yield* git(root, [
        "-c", "core.quotePath=true", "-c", "diff.suppressBlankEmpty=false", "diff", "HEAD", "--binary", "--full-index", "--no-color", "--no-ext-diff",
        "--no-textconv", "--no-renames", "--ignore-submodules=all", "--src-prefix=a/", "--dst-prefix=b/", "--unified=3", "--", ...paths
      ], { env, maxBytes: 64 * 1024 * 1024, timeoutMs: 10_000 })
      if (!part.complete) return undefined
      text += part.bytes.toString("latin1")
    }
    return text
  })
  return yield* Effect.ensuring(work, Effect.ignore(operate(() => rm(scratch, { recursive: true, force: true }))))
})

/** Takes secrets out of the parts, and those parts that are too much, largest first. */
const bound = Effect.fnUntraced(function*(root: string, sections: ReadonlyArray<Section>) {
  const env = latin1Variables()
  const leftOut: Array<LeftOut> = []
  const redacted: Array<string> = []
  const kept: Array<Section> = []
  let bytes = 0
  for (const section of sections.toSorted((a, b) => a.text.length - b.text.length)) {
    const { path, text } = section
    if ((bytes += text.length) > MAX_BYTES) {
      leftOut.push({ path, why: "the patch would be too large" })
      continue
    }
    const isUnsafe = isBinary(text) && holdsSecret((yield* Effect.orElseSucceed(operate(() => readFile(join(root, path), "latin1")), () => "")), env)
    const without = isUnsafe ? undefined : clean(text, env)
    if (without === undefined) leftOut.push({ path, why: "it seems to hold a secret" })
    else {
      kept.push({ path, text: without })
      if (without !== text) redacted.push(path)
    }
  }
  const order = new Map(sections.map(({ path }, at) => [path, at]))
  const text = kept.toSorted((a, b) => order.get(a.path)! - order.get(b.path)!).map((section) => section.text).join("")
  return { diff: Buffer.from(text, "latin1"), leftOut, redacted: redacted.sort() }
})

/** What was captured, and the stamp of the tree that it is of. */
interface Captured {
  readonly stamp: string
  readonly bytes: Uint8Array
}

/**
 * The patch of the tree that a folder belongs to: the one before where nothing has changed since. Undefined where
 * there is no tree, or no difference.
 */
export const capturePatch = Effect.fnUntraced(function*(cwd: string, before: Captured | undefined) {
  const place = yield* git(cwd, ["rev-parse", "--path-format=absolute", "--show-toplevel", "--git-path", "index", "--git-path", "objects"])
  const [root, index, objects, ...rest] = place.bytes.toString("utf8").split("\n")
  if (!place.complete || root === undefined || index === undefined || objects === undefined || rest.join("") !== "") return undefined
  const status = yield* git(root, ["status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind", "--no-renames", "--untracked-files=all", "--ignore-submodules=none"])
  const { commit, entries } = parseEntries(status.bytes.toString("utf8"))
  if (commit === undefined || !/^[0-9a-f]{40,64}$/.test(commit)) return undefined
  const nothing = (why: string): Captured => ({ stamp: "", bytes: encode({ commit, diff: new Uint8Array(), leftOut: [{ path: "everything", why }], redacted: [] }) })
  if (!status.complete) return nothing("there is too much of it, or git took too long to tell")
  if (entries.length === 0) return undefined
  const sized = yield* Effect.forEach(entries, (entry) => look(root, entry), { concurrency: 16 })
  const stamp = createHash("sha256").update(JSON.stringify([root, commit, sized])).digest("hex")
  if (before?.stamp === stamp) return before
  const { leftOut, wanted } = choose(sized)
  const text = wanted.length === 0 ? "" : yield* diff(root, { index, objects }, wanted)
  if (text === undefined) return nothing("git could not tell how it differs")
  const bounded = yield* bound(root, sectionsOf(text))
  return { stamp, bytes: encode({ commit, ...bounded, leftOut: [...leftOut, ...bounded.leftOut].sort((a, b) => (a.path < b.path ? -1 : 1)) }) }
})
