/**
 * Temporary files that name their owner, so that what a dead process left behind is found and removed, and what a
 * living one still writes is not.
 */
import { readdir, stat, unlink } from "node:fs/promises"
import { join } from "node:path"
import type { Holder, ProcessIdentityService } from "@uniflow/core"
import { Clock, Effect } from "effect"
import { operate, unlessMissing } from "./fileOperations.ts"

const suffix = ".tmp"
const dayMs = 24 * 60 * 60 * 1000
let count = 0

/** A file name that no other process and no earlier call uses; in a folder of the user's it begins with a prefix that says whose it is. */
export const temporaryName = (self: ProcessIdentityService["self"], prefix = ""): string =>
  prefix + [self.nonce, String(self.pid), self.bootId, self.pidNamespace, self.processStart, String(++count)].map(encodeURIComponent).join(",") + suffix

/** The owner that a temporary file's name tells; undefined for a name that is not of this kind. */
const ownerOf = (name: string): Holder | undefined => {
  if (!name.endsWith(suffix)) return undefined
  const fields = name.slice(0, -suffix.length).split(",").map((field) => {
    try {
      return decodeURIComponent(field)
    } catch {
      return ""
    }
  })
  const [nonce, pid, bootId, pidNamespace, processStart, number] = fields
  if (
    nonce === undefined || pid === undefined || bootId === undefined || pidNamespace === undefined || processStart === undefined
    || number === undefined || fields.length !== 6 || !/^\d+$/.test(pid)
  ) return undefined
  return { nonce, host: "", pid: Number(pid), bootId, pidNamespace, processStart, sinceMs: 0 }
}

/**
 * Removes the temporary files of a folder whose owner is dead, and those of unknown owners that nobody wrote to for 24
 * hours. In a folder that holds other files, too, only those with the prefix are ours. What cannot be removed stays.
 */
export const sweepTemporaryFiles = Effect.fnUntraced(function*(
  folder: string,
  identity: ProcessIdentityService,
  prefix = ""
): Effect.fn.Return<void> {
  const now = yield* Clock.currentTimeMillis
  const names = yield* Effect.orElseSucceed(unlessMissing(() => readdir(folder)), () => undefined)
  yield* Effect.forEach(names ?? [], (name) => {
    const path = join(folder, name)
    const owner = name.startsWith(prefix) ? ownerOf(name.slice(prefix.length)) : undefined
    if (owner === undefined && prefix !== "") return Effect.void
    return Effect.gen(function*() {
      const life = owner === undefined ? "unknown" : yield* identity.look(owner)
      if (life === "alive") return
      if (life === "unknown") {
        const info = yield* unlessMissing(() => stat(path))
        if (info === undefined || now - info.mtimeMs < dayMs) return
      }
      yield* operate(() => unlink(path))
    }).pipe(Effect.ignore)
  }, { discard: true })
})
