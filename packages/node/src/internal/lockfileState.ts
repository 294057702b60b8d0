/** The lockfile that a folder's packages are installed by: the nearest one, up to the root of the working tree. */
import { createHash } from "node:crypto"
import { existsSync, statSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { dirname, join, relative, sep } from "node:path"
import { WorkspaceRoot } from "@uniflow/code"
import type { AttemptEnvironment } from "@uniflow/core"
import { Effect } from "effect"
import { operate } from "./fileOperations.ts"

const digests = new Map<string, { readonly stamp: string; readonly digest: string }>()

const digestOf = Effect.fnUntraced(function*(path: string) {
  const { ino, mtimeMs, size } = statSync(path)
  const stamp = `${ino} ${mtimeMs} ${size}`
  const known = digests.get(path)
  if (known?.stamp === stamp) return known.digest
  const digest = createHash("sha256").update(yield* operate(() => readFile(path))).digest("hex")
  digests.set(path, { stamp, digest })
  return digest
})

/** The nearest lockfile from a folder up to the root of its working tree, and its digest; undefined where there is none. */
export const lockfileState = (cwd: string): Effect.Effect<AttemptEnvironment["lockfile"]> =>
  Effect.gen(function*() {
    let found: string | undefined
    let root = cwd
    for (;; root = dirname(root)) {
      found ??= WorkspaceRoot.lockfiles.map((name) => join(root, name)).find((path) => existsSync(path))
      if (existsSync(join(root, ".git"))) break
      // Outside of a working tree it could not be found again.
      if (root === dirname(root)) return undefined
    }
    return found === undefined ? undefined : { path: relative(root, found).split(sep).join("/"), digest: yield* digestOf(found) }
  }).pipe(Effect.catchCause(() => Effect.undefined))
