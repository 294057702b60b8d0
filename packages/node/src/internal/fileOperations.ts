/**
 * File operations as effects. Each one runs to its end before an interruption is heard, so that no handle is closed,
 * and no file removed, while the system still works on it.
 */
import { existsSync } from "node:fs"
import { type FileHandle, mkdir, open } from "node:fs/promises"
import { dirname } from "node:path"
import process from "node:process"
import { Effect } from "effect"
import { asFileError, type FileError } from "./fileErrors.ts"

/** One operation of node:fs/promises, not interrupted half-way. */
export const operate = <A>(run: () => Promise<A>): Effect.Effect<A, FileError> =>
  Effect.uninterruptible(Effect.tryPromise({ try: run, catch: asFileError }))

/** Like `operate`, undefined where there is no such file. */
export const unlessMissing = <A>(run: () => Promise<A>): Effect.Effect<A | undefined, FileError> =>
  operate(() =>
    run().catch((error: unknown) => {
      if (asFileError(error).code === "ENOENT") return undefined
      throw error
    })
  )

/** What needs a file; undefined where it is not there. */
export const notThere = <A>(effect: Effect.Effect<A, FileError>): Effect.Effect<A | undefined, FileError> =>
  Effect.catchIf(effect, (error) => error.code === "ENOENT", () => Effect.succeed(undefined))

/** Uses an open file, and closes it whatever happens. */
export const withFile = <A, E>(
  path: string,
  flags: string,
  use: (file: FileHandle) => Effect.Effect<A, E>
): Effect.Effect<A, E | FileError> =>
  Effect.acquireUseRelease(operate(() => open(path, flags)), use, (file) => Effect.ignore(operate(() => file.close())))

/** Makes the names in a folder durable. Windows has no such operation, and writes them through. */
export const syncFolder = (path: string): Effect.Effect<void, FileError> =>
  process.platform === "win32" ? Effect.void : withFile(path, "r", (folder) => operate(() => folder.sync()))

/** Makes a folder with those above it; tells the first that it made. */
const makeAll = async (path: string): Promise<string | undefined> => {
  try {
    return await mkdir(path, { recursive: true })
  } catch (error) {
    if (asFileError(error).code !== "ENOENT") throw error
    // Node says so of a read-only file system, too; asked for one folder only it tells the reason.
    let first = path
    while (dirname(first) !== first && !existsSync(dirname(first))) first = dirname(first)
    await mkdir(first)
    await mkdir(path, { recursive: true })
    return first
  }
}

/** Makes a folder with the folders above it that were missing, all durable. */
export const makeFolder = Effect.fnUntraced(function*(path: string): Effect.fn.Return<void, FileError> {
  const first = yield* operate(() => makeAll(path))
  // One that stood there already may be another process's, not durable yet.
  const top = dirname(first ?? path)
  for (let above = dirname(path);; above = dirname(above)) {
    yield* syncFolder(above)
    if (above === top || above === dirname(above)) return
  }
})
