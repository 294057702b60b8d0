/**
 * What a file of code belongs to: a project, a bundler's output, or nothing but itself.
 */
import { existsSync } from "node:fs"
import { dirname, join, sep } from "node:path"
import process from "node:process"
import * as WorkspaceRoot from "../WorkspaceRoot.ts"

/** Whose files stand for the code: a project's or a bundle's folder, or one module with what it imports. */
export interface Place {
  readonly kind: "project" | "bundle" | "module"
  readonly path: string
}

/** Folders that bundlers of applications write, and that hold the code which runs. */
const bundleFolders = new Set([".next", ".nuxt", ".output", ".svelte-kit", ".vercel", ".netlify", ".astro", ".wrangler"])

const places = new Map<string, Place>()

/** The place of a file, given by its absolute path. */
export const placeOf = (file: string): Place => {
  const folder = dirname(file)
  const known = places.get(folder)
  if (known !== undefined && known.kind !== "module") return known
  const place = find(file)
  places.set(folder, place)
  return place
}

const find = (file: string): Place => {
  const parts = file.split(sep)
  const bundled = parts.findIndex((part) => bundleFolders.has(part))
  if (bundled >= 0) return { kind: "bundle", path: parts.slice(0, bundled + 1).join(sep) }
  // A package's version is in the lockfile of the project that it is installed in.
  const installed = parts.indexOf("node_modules")
  const from = installed > 0 ? parts.slice(0, installed).join(sep) || sep : dirname(file)
  // Next maps stacks back to sources, while what runs is what was built.
  if (process.env["NEXT_RUNTIME"] !== undefined) {
    for (let at = from;; at = dirname(at)) {
      if (existsSync(join(at, ".next"))) return { kind: "bundle", path: join(at, ".next") }
      if (at === dirname(at)) break
    }
  }
  const { mark, path } = WorkspaceRoot.find(from)
  if (mark !== undefined) return { kind: "project", path }
  for (let at = from;; at = dirname(at)) {
    if (existsSync(join(at, "package.json"))) return { kind: "project", path: at }
    if (at === dirname(at)) return { kind: "module", path: file }
  }
}
