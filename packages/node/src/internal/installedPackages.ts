/**
 * The versions of the packages that a project depends on directly, as they are installed.
 */
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect, Option, Schema } from "effect"
import { operate } from "./fileOperations.ts"

const Dependencies = Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
const Manifest = Schema.fromJsonString(Schema.Struct({
  version: Schema.optionalKey(Schema.String),
  dependencies: Dependencies,
  optionalDependencies: Dependencies,
  devDependencies: Dependencies
}))

/** A project with more dependencies than this has the rest left out: the record stays small. */
const mostPackages = 300

const readManifest = (path: string) =>
  operate(() => readFile(path, "utf8")).pipe(Effect.flatMap(Schema.decodeEffect(Manifest)), Effect.option)

const parents = (folder: string): ReadonlyArray<string> => folder === dirname(folder) ? [folder] : [folder, ...parents(dirname(folder))]

const versionOf = Effect.fnUntraced(function*(name: string, folders: ReadonlyArray<string>) {
  for (const folder of folders) {
    const manifest = yield* readManifest(join(folder, "node_modules", name, "package.json"))
    if (Option.isSome(manifest)) return manifest.value.version
  }
  return undefined
})

/** Installed versions by package name, for the project that a folder belongs to; what is not installed is left out. */
export const installedPackages = Effect.fnUntraced(function*(cwd: string): Effect.fn.Return<Readonly<Record<string, string>>> {
  const project = parents(cwd).find((folder) => existsSync(join(folder, "package.json")))
  if (project === undefined) return {}
  const manifest = yield* readManifest(join(project, "package.json"))
  if (Option.isNone(manifest)) return {}
  const { dependencies, optionalDependencies, devDependencies } = manifest.value
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies }).sort().slice(0, mostPackages)
  const folders = parents(project)
  const versions = yield* Effect.forEach(names, (name) => versionOf(name, folders), { concurrency: 16 })
  return Object.fromEntries(names.flatMap((name, index) => {
    const version = versions[index]
    return version === undefined ? [] : [[name, version]]
  }))
})
