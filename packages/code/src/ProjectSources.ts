/**
 * One digest over everything that a project's own code is made of: source files, package.json files, the lockfile, and
 * what sources import besides (JSON, texts, assets).
 *
 * Not part of it: node_modules (the lockfile stands for them), hidden folders, coverage and test reports. Files are
 * known by their stamps, so a second look at an unchanged project reads none of them.
 *
 * The digest speaks for the code that this process runs only if nothing was changed after the process began; `changed`
 * names a file for which that cannot be said.
 */
import { createHash } from "node:crypto"
import { type BigIntStats, type Dirent, readdirSync, readFileSync, realpathSync, statSync } from "node:fs"
import { dirname, extname, join, relative, sep } from "node:path"
import { Effect } from "effect"
import type { FileStamps } from "./FileStamps.ts"
import { foreignSpecifiers, importedFiles, resolveForeign, sourceExtensions } from "./internal/imports.ts"
import { lockfiles } from "./WorkspaceRoot.ts"

/** What the sources of a folder come to. */
export type Sources =
  | { readonly _tag: "Known"; readonly digest: string; readonly files: number; readonly changed: string | undefined; readonly paths: ReadonlyArray<string> }
  | { readonly _tag: "Unknown"; readonly why: string }

export interface ProjectSourcesOptions {
  readonly stamps: FileStamps
  /** A file that was changed after this time (Unix time in milliseconds) is told as `changed`. */
  readonly begunAtMs: number
  /** Whether hidden folders count, too: for a bundle that lies in one. Default false. */
  readonly hidden?: boolean | undefined
}

const excluded = new Set(["node_modules", "coverage", "playwright-report", "test-results"])

/** Parts of a bundler's folder that hold no code which the server runs. */
const excludedInBundle = new Set(["node_modules", "cache", "static", "trace", "types", "diagnostics"])

/** A project with more source files than this is not read; its steps need versions. */
const mostFiles = 100_000

/** Between so many files the event loop runs. */
const sliceFiles = 250

/** A file whose content counts, by its path and the stats that were seen. */
interface Found {
  readonly path: string
  readonly stats: BigIntStats
}

/** Declarations say nothing that runs. */
const isDeclaration = (name: string): boolean => /\.d\.[cm]?ts$/.test(name)

const isSource = (name: string): boolean =>
  (sourceExtensions.has(extname(name)) && !isDeclaration(name)) || name === "package.json" || /^[jt]sconfig(?:\..*)?\.json$/.test(name) || name === "BUILD_ID" || lockfiles.includes(name)

const stat = (path: string): BigIntStats | undefined => {
  try {
    return statSync(path, { bigint: true })
  } catch {
    return undefined
  }
}

const entriesOf = (folder: string): ReadonlyArray<Dirent> => {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

/** Every source file under a folder. A link to a folder outside of it is followed once; one to the inside stands there anyway. */
const walk = Effect.fnUntraced(function*(root: string, hidden: boolean) {
  const found = new Map<string, Found>()
  const linked = new Set<string>()
  const folders = [root]
  const skipped = hidden ? excludedInBundle : excluded
  let looked = 0
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name)
      const target = entry.isSymbolicLink() ? stat(path) : undefined
      if (entry.isDirectory() || target?.isDirectory() === true) {
        if (skipped.has(entry.name) || (!hidden && entry.name.startsWith("."))) continue
        if (target !== undefined) {
          const real = realpathSync(path)
          if (real === root || real.startsWith(root + sep) || root.startsWith(real + sep) || linked.has(real)) continue
          linked.add(real)
        }
        folders.push(path)
      } else if (isSource(entry.name)) {
        const stats = target ?? stat(path)
        if (stats?.isFile() === true) found.set(path, { path, stats })
      }
      if (++looked % sliceFiles === 0) yield* Effect.yieldNow
    }
    if (found.size > mostFiles) return undefined
  }
  return found
})

const read = (path: string): Buffer | undefined => {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

const sha256 = (content: Buffer | string): string => createHash("sha256").update(content).digest("hex")

const isChanged = ({ ctimeMs, mtimeMs }: BigIntStats, sinceMs: number): boolean => Number(mtimeMs) > sinceMs || Number(ctimeMs) > sinceMs

/** Whether a file was changed after a time (Unix time in milliseconds). */
export const isChangedAfter = (path: string, sinceMs: number): boolean => {
  const stats = stat(path)
  return stats !== undefined && isChanged(stats, sinceMs)
}

/** The digest of a file, known by its stamp; undefined where it cannot be read. */
export const digestOf = (path: string, stamps: FileStamps): string | undefined => {
  const stats = stat(path)
  return stats === undefined ? undefined : noteOf({ path, stats }, stamps)?.[0]
}

/** What is noted of a source file: its digest, and what it imports that is no source by itself. */
const noteOf = ({ path, stats }: Found, stamps: FileStamps): ReadonlyArray<string> | undefined => {
  const noted = stamps.get(path, stats)
  if (noted !== undefined) return noted.split("\n")
  const begunAtMs = Date.now()
  const content = read(path)
  if (content === undefined) return undefined
  const digest = sha256(content)
  const specifiers = sourceExtensions.has(extname(path)) ? foreignSpecifiers(path, content.toString("utf8")) : []
  stamps.set(path, stats, [digest, ...specifiers].join("\n"), begunAtMs)
  return [digest, ...specifiers]
}

/** The digest over a folder's sources; the stamps are saved when new ones were made. */
export const ofFolder = Effect.fnUntraced(function*(root: string, options: ProjectSourcesOptions): Effect.fn.Return<Sources> {
  const found = yield* walk(root, options.hidden === true)
  if (found === undefined) return { _tag: "Unknown", why: `${root} holds more than ${mostFiles} source files` }
  return yield* digest(root, [...found.values()], options)
})

/** The digest over a file and everything that it imports by relative paths, for code that belongs to no project. */
export const ofModule = (path: string, { begunAtMs }: Pick<ProjectSourcesOptions, "begunAtMs">): Effect.Effect<Sources> =>
  Effect.sync(() => {
    const paths = [path]
    const lines: Array<string> = []
    let changed: string | undefined
    for (const each of paths) {
      const stats = stat(each)
      const content = stats === undefined ? undefined : read(each)
      if (stats === undefined || content === undefined) return { _tag: "Unknown", why: `${each} cannot be read` }
      if (isChanged(stats, begunAtMs)) changed ??= each
      lines.push(`${relative(dirname(path), each).split(sep).join("/")}\0${sha256(content)}`)
      if (!sourceExtensions.has(extname(each))) continue
      for (const imported of importedFiles(each, content.toString("utf8"))) {
        if (!paths.includes(imported)) paths.push(imported)
      }
    }
    return { _tag: "Known", digest: sha256(lines.sort().join("\n")), files: lines.length, changed, paths }
  })

const digest = Effect.fnUntraced(function*(root: string, files: ReadonlyArray<Found>, { begunAtMs, stamps }: ProjectSourcesOptions): Effect.fn.Return<Sources> {
  const known = new Set(files.map(({ path }) => path))
  const lines: Array<string> = []
  let changed: string | undefined
  // Grows while files are found that others import.
  const waiting = [...files]
  for (const [index, file] of waiting.entries()) {
    const note = noteOf(file, stamps)
    if (note === undefined) return { _tag: "Unknown", why: `${file.path} cannot be read` }
    if (isChanged(file.stats, begunAtMs)) changed ??= file.path
    lines.push(`${relative(root, file.path).split(sep).join("/")}\0${note[0]}`)
    for (const path of note.slice(1).flatMap((specifier) => resolveForeign(file.path, specifier, root))) {
      const stats = known.has(path) ? undefined : stat(path)
      if (stats === undefined) continue
      known.add(path)
      waiting.push({ path, stats })
    }
    if (index % sliceFiles === sliceFiles - 1) yield* Effect.yieldNow
  }
  stamps.save()
  return { _tag: "Known", digest: sha256(lines.sort().join("\n")), files: lines.length, changed, paths: [...known] }
})
