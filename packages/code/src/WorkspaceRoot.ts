/**
 * The root of the workspace that a folder belongs to: where its lockfile lies, where `.uniflow` goes, and whose sources
 * a shallow code version covers.
 *
 * The search goes up and ends with the folder that holds `.git`, so that a stray lockfile in somebody's home is not
 * taken for the project's. Within that: the nearest pnpm-workspace.yaml, else the nearest lockfile, else `.git`.
 */
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"

/** Files that lock the versions of packages, by the managers that write them. */
export const lockfiles: ReadonlyArray<string> = [
  "pnpm-lock.yaml",
  "package-lock.json",
  "npm-shrinkwrap.json",
  "yarn.lock",
  "bun.lock",
  "bun.lockb",
  "deno.lock"
]

/** A root, and the entry that makes it one; undefined where nothing was found and the folder itself was taken. */
export interface WorkspaceRoot {
  readonly path: string
  readonly mark: string | undefined
}

/** Finds the root for a folder, given as an absolute path. */
export const find = (from: string): WorkspaceRoot => {
  const above: Array<string> = []
  for (let folder = from;; folder = dirname(folder)) {
    above.push(folder)
    if (existsSync(join(folder, ".git")) || folder === dirname(folder)) break
  }
  for (const marks of [["pnpm-workspace.yaml"], lockfiles, [".git"]]) {
    for (const path of above) {
      const mark = marks.find((name) => existsSync(join(path, name)))
      if (mark !== undefined) return { path, mark }
    }
  }
  return { path: from, mark: undefined }
}
