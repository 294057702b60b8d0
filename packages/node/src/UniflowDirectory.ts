/**
 * Which folder holds everything: the database, the artifacts, temporary files.
 *
 * An option wins over the environment variable `UNIFLOW_DIR`, which wins over `.uniflow` in the root of the workspace
 * (pnpm-workspace.yaml, a lockfile or .git, looked for from the working directory upwards). A folder that the next
 * build or installation would delete is refused, and so is one on a network file system, each with the way out.
 *
 * Choosing touches nothing; the folder is made by `ensure`, when something is first written.
 */
import { constants, existsSync, realpathSync } from "node:fs"
import { access, readdir, stat } from "node:fs/promises"
import { dirname, isAbsolute, join, resolve, sep } from "node:path"
import process from "node:process"
import { WorkspaceRoot } from "@uniflow/code"
import { FaultPoints, StoreError } from "@uniflow/core"
import { Context, Effect, Layer } from "effect"
import { type FileError, storeErrorOf } from "./internal/fileErrors.ts"
import { makeFolder, operate, syncFolder, withFile } from "./internal/fileOperations.ts"
import { networkFileSystem } from "./internal/networkFileSystem.ts"

export interface UniflowDirectoryOptions {
  /** The folder itself (not the project's); relative to the working directory. */
  readonly directory?: string | undefined
  /** Where the search begins; the process's working directory by default. */
  readonly cwd?: string | undefined
  /** Where `UNIFLOW_DIR` is looked up; the process's environment by default. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

export interface UniflowDirectoryService {
  /** The folder, absolute. */
  readonly path: string
  /** Why it is this one, in a sentence: what `doctor` says. */
  readonly why: string
  /** Makes the folder with its `.gitignore` unless it is there; fails with `NotSupported` on a network file system. */
  readonly ensure: Effect.Effect<void, StoreError>
  /** Makes nothing; fails where nothing can be written to the folder (`NotPermitted`, …), or where it vanishes with an instance of a function (`NotSupported`). */
  readonly usable: Effect.Effect<void, StoreError>
}

/** The folder in use. */
export class UniflowDirectory extends Context.Service<UniflowDirectory, UniflowDirectoryService>()("@uniflow/node/UniflowDirectory") {}

/** Every fault point of making the folder, in their order. */
export const faultPoints: ReadonlyArray<string> = ["directory:before", "directory:made", "directory:opened", "directory:after"]

/** Folders that a tool owns and deletes, wherever they are. */
const doomedAnywhere = ["node_modules", ".next", ".nuxt", ".output", ".svelte-kit", ".vercel", ".turbo", "dist"]

/** Names that are a build's output beside a package.json, and an ordinary folder elsewhere. */
const doomedInProject = ["build", "out"]

/** The folder on a path that will be deleted by a tool; undefined where there is none. */
const doomedPart = (path: string): string | undefined => {
  const parts = path.split(sep)
  const index = parts.findIndex((name, at) =>
    doomedAnywhere.includes(name)
    || (doomedInProject.includes(name) && existsSync(join(parts.slice(0, at).join(sep) || sep, "package.json")))
  )
  return index < 0 ? undefined : parts[index]
}

/** The nearest folder on a path that exists. */
const existing = (path: string): string => existsSync(path) || path === dirname(path) ? path : existing(dirname(path))

/** A path with the links on its existing part followed. */
const real = (path: string): string => {
  const base = existing(path)
  return join(realpathSync(base), path.slice(base.length))
}

const refused = (what: string) => new StoreError({ reason: "NotSupported", what })

const wayOut = "Set UNIFLOW_DIR (or the option `directory`) to a folder outside of it"

/** The working directory; undefined where it was deleted and is needed. */
const workingDirectory = ({ cwd, directory }: UniflowDirectoryOptions): string | undefined => {
  try {
    return resolve(cwd ?? process.cwd())
  } catch {
    return directory !== undefined && isAbsolute(directory) ? directory : undefined
  }
}

const choose = (options: UniflowDirectoryOptions): { readonly path: string; readonly why: string } | StoreError => {
  const cwd = workingDirectory(options)
  if (cwd === undefined) return refused("The working directory was deleted, so no folder can be chosen from it. Change into another one")
  const variable = (options.env ?? process.env)["UNIFLOW_DIR"]
  if (options.directory === "") return refused("The option `directory` is an empty text, which would be the working directory itself. Leave it out, or name a folder")
  if (options.directory !== undefined) return { path: resolve(cwd, options.directory), why: "it was given by the option `directory`" }
  if (variable !== undefined && variable !== "") return { path: resolve(cwd, variable), why: "the environment variable UNIFLOW_DIR names it" }
  if (cwd.split(sep).includes(".next")) {
    return refused(
      `UniFlow keeps nothing inside .next, which the next build deletes, and the working directory is ${cwd} `
        + `(a standalone Next server changes into .next/standalone). ${wayOut}, such as the .uniflow folder of the project`
    )
  }
  const { path, mark } = WorkspaceRoot.find(cwd)
  return {
    path: join(path, ".uniflow"),
    why: mark === undefined
      ? `no pnpm-workspace.yaml, lockfile or .git was found from ${cwd} upwards, so it is in the working directory`
      : `${path} is the root of the workspace (it holds ${mark})`
  }
}

/** Says which folder it is and why, or refuses it; makes nothing yet. */
export const make = (options: UniflowDirectoryOptions = {}): Effect.Effect<UniflowDirectoryService, StoreError> =>
  Effect.suspend(() => {
    const chosen = choose(options)
    if (chosen instanceof StoreError) return Effect.fail(chosen)
    const { path, why } = chosen
    const doomed = doomedPart(path) ?? doomedPart(real(path))
    if (doomed !== undefined) {
      const who = doomed === "node_modules" ? "which the next installation deletes" : "which the next build deletes"
      return Effect.fail(refused(`UniFlow keeps nothing inside ${doomed}, ${who}, and its folder would be ${path} (${why}). ${wayOut}`))
    }
    return Effect.succeed({ path, why, ensure: ensureOnce(path), usable: usable(path, options.env ?? process.env) })
  })

/** Set where a program runs as a function or in a container that is thrown away: on AWS Lambda and what stands on it (Vercel, Netlify), Azure Functions, Cloud Run. */
const vanishing = ["AWS_LAMBDA_FUNCTION_NAME", "LAMBDA_TASK_ROOT", "FUNCTIONS_WORKER_RUNTIME", "K_SERVICE"]

const usable = Effect.fnUntraced(function*(path: string, env: Readonly<Record<string, string | undefined>>): Effect.fn.Return<void, StoreError> {
  const mark = vanishing.find((name) => env[name] !== undefined)
  if (mark !== undefined) {
    return yield* refused(`What is written to ${path} vanishes with this instance, and no other instance sees it: this is a function (${mark} is set). Share runs through PostgreSQL (@uniflow/postgres)`)
  }
  yield* Effect.mapError(operate(() => access(existing(path), constants.W_OK)), storeErrorOf(`Nothing can be written to ${path}`))
})

const ensureOnce = (path: string): Effect.Effect<void, StoreError> => {
  let done = false
  return Effect.suspend(() => done ? Effect.void : Effect.tap(ensure(path), () => Effect.sync(() => void (done = true))))
}

const ensure = Effect.fnUntraced(function*(path: string): Effect.fn.Return<void, StoreError> {
  const network = yield* networkFileSystem(existing(real(path)))
  if (network !== undefined) {
    return yield* refused(
      `${path} is on a network file system (${network}), where several machines could damage the database. `
        + "Set UNIFLOW_DIR to a folder on a local disk, or share runs through PostgreSQL (@uniflow/postgres)"
    )
  }
  yield* Effect.mapError(makeIgnored(path), storeErrorOf(`The folder ${path} cannot be made`))
})

/** Written where the folder is there, by whoever only looks, too. */
const CACHE = "cache"

/** Whether nothing was done in a folder yet but to begin its `.gitignore`: empty is how a killed process leaves it. */
const isNew = Effect.fnUntraced(function*(path: string): Effect.fn.Return<boolean, FileError> {
  const names = yield* operate(() => readdir(path))
  if (names.some((name) => name !== ".gitignore" && name !== CACHE)) return false
  return !names.includes(".gitignore") || (yield* operate(() => stat(join(path, ".gitignore")))).size === 0
})

const makeIgnored = Effect.fnUntraced(function*(path: string): Effect.fn.Return<void, FileError> {
  const { at } = yield* FaultPoints
  at("directory:before")
  yield* makeFolder(path)
  at("directory:made")
  // Only in a new folder: who deletes the file later wants to commit what is there.
  if (!(yield* isNew(path))) return
  // Several processes at once write the same.
  yield* withFile(join(path, ".gitignore"), "w", (file) => {
    at("directory:opened")
    return operate(() => file.writeFile("*\n"))
  })
  yield* syncFolder(path)
  at("directory:after")
})

/** The folder as a layer; building it touches nothing. */
export const layer = (options?: UniflowDirectoryOptions): Layer.Layer<UniflowDirectory, StoreError> => Layer.effect(UniflowDirectory, make(options))
