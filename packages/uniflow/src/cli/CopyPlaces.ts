/**
 * What the two names of `uniflow copy` stand for: the folder of a store, a project that has one, a database by its URL, or an
 * archive.
 */
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { ArtifactStore, RunStore, type StoreError } from "@uniflow/core"
import { CopyPlace, NodeUniflow, RunArchive, UniflowDirectory } from "@uniflow/node"
import { Context, Effect, Layer, type Scope } from "effect"
import { shownUrl, storesAt } from "../StoreUrl.ts"
import { NotFound, UsageError } from "./Failure.ts"

/** A place, before it is opened. */
export interface Place {
  readonly kind: "archive" | "store"
  /** Absolute; the URL without secrets where it is no place on a disk. */
  readonly path: string
  /** Of a store that is no folder. */
  readonly url?: string | undefined
}

/** A store's database, inside its folder. */
const DATABASE = "uniflow.db"

const marks = [".git", "package.json", "pnpm-workspace.yaml", "uniflow.config.ts"]

const has = (folder: string, name: string): boolean => existsSync(join(folder, name))

/** What a name stands for; `isSource` has to be there. */
export const placeOf = (given: string, cwd: string, isSource: boolean): Place => {
  if (/^postgres(ql)?:\/\//i.test(given)) return { kind: "store", path: shownUrl(given), url: given }
  if (given === "" || /^[a-z][a-z0-9+.-]+:\/\//i.test(given)) throw new UsageError(`${JSON.stringify(given)} is no folder and no archive (${RunArchive.EXTENSION}).`)
  const path = resolve(cwd, given)
  if (!existsSync(path)) {
    if (isSource) throw new NotFound(`There is no ${path}.`)
    if (path.endsWith(RunArchive.EXTENSION)) return { kind: "archive", path }
    if (/\.(zip|tar|tgz|gz|zst|7z|uniflow)$/i.test(basename(path)) && basename(path) !== ".uniflow") throw new UsageError(`The name of an archive ends with ${RunArchive.EXTENSION}: ${path} does not.`)
    return { kind: "store", path }
  }
  if (!statSync(path).isDirectory()) {
    if (!isSource && !path.endsWith(RunArchive.EXTENSION)) throw new UsageError(`${path} exists already, and is no folder.`)
    return { kind: "archive", path }
  }
  if (basename(path) === ".uniflow" || has(path, DATABASE)) return { kind: "store", path }
  const inside = join(path, ".uniflow")
  if (existsSync(inside) || (!isSource && marks.some((mark) => has(path, mark)))) return { kind: "store", path: inside }
  if (isSource) throw new NotFound(`There are no runs in ${path}: it has no ${DATABASE}, and no .uniflow folder.`)
  if (readdirSync(path).length > 0) throw new UsageError(`${path} holds something else than runs. Name a new folder, or ${inside}.`)
  return { kind: "store", path }
}

/** A path with its links followed, as far as it is there. */
const real = (path: string): string => existsSync(path) ? realpathSync(path) : dirname(path) === path ? path : join(real(dirname(path)), basename(path))

/** Whether both are one. */
export const isSame = (a: Place, b: Place): boolean => a.url !== undefined || b.url !== undefined ? a.path === b.path : real(a.path) === real(b.path)

const store = Effect.fnUntraced(function*({ path, url }: Place): Effect.fn.Return<CopyPlace.CopySource & CopyPlace.CopyTarget, StoreError, Scope.Scope> {
  // Refuses folders that the next build would delete.
  if (url === undefined) yield* UniflowDirectory.make({ directory: path })
  const context = yield* Layer.build(NodeUniflow.layerStores(url === undefined ? { directory: path } : { stores: storesAt(url) }))
  return CopyPlace.store(path, Context.get(context, RunStore), Context.get(context, ArtifactStore))
})

/** Opens a place to read from. */
export const openSource = (place: Place): Effect.Effect<CopyPlace.CopySource, StoreError | CopyPlace.InvalidArchive, Scope.Scope> =>
  place.kind === "archive" ? RunArchive.source(place.path) : store(place)

/** Opens a place to write to. */
export const openTarget = (place: Place): Effect.Effect<CopyPlace.CopyTarget, StoreError, Scope.Scope> =>
  place.kind === "archive" ? RunArchive.target(place.path) : store(place)
