/**
 * What stands for an installed package: its version and those of everything that it depends on, as they are installed,
 * and what the lockfile says of their content.
 */
import { existsSync, readFileSync, realpathSync } from "node:fs"
import { dirname, join } from "node:path"
import { lockfiles } from "../WorkspaceRoot.ts"
import { isJson, type Resolver } from "./resolving.ts"

export interface InstalledPackage {
  readonly name: string
  readonly version: string
  /** One line for it and for each package that it depends on: name, version, integrity where known. */
  readonly lines: ReadonlyArray<string>
}

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")

/** Finds the integrity of `name@version` in a lockfile's text; of each format just enough is read. */
const integrityIn = (file: string, text: string) => {
  let npm: { readonly [path: string]: unknown } | undefined
  if (/package-lock\.json$|npm-shrinkwrap\.json$/.test(file)) {
    try {
      const value: unknown = JSON.parse(text)
      npm = isJson(value) && isJson(value["packages"]) ? value["packages"] : {}
    } catch {
      npm = {}
    }
  }
  return (name: string, version: string): string | undefined => {
    if (npm !== undefined) {
      for (const [path, value] of Object.entries(npm)) {
        if ((path === `node_modules/${name}` || path.endsWith(`/node_modules/${name}`)) && isJson(value) && value["version"] === version) {
          return String(value["integrity"] ?? value["resolved"] ?? "")
        }
      }
      return undefined
    }
    const [n, v] = [quoted(name), quoted(version)]
    const pattern = file.endsWith("pnpm-lock.yaml")
      ? `^ {2}['"]?/?${n}@${v}['"]?:\\r?\\n {4}resolution: (.*)$`
      : file.endsWith("bun.lock")
      ? `\\["${n}@${v}".*"(sha\\d+-[^"]+)"\\]`
      : `^"?${n}@[^\\n]*:\\r?\\n {2}version:? "?${v}"?\\r?\\n(?: {2}.*\\r?\\n)*? {2}(?:integrity|checksum):? (.*)$`
    return new RegExp(pattern, "m").exec(text)?.[1]
  }
}

/** Reads installed packages; keeps what it read. */
export const make = (resolver: Resolver, root: string) => {
  const file = lockfiles.map((name) => join(root, name)).find((path) => existsSync(path))
  let integrity: ((name: string, version: string) => string | undefined) | undefined
  const known = new Map<string, InstalledPackage>()
  const locked = (name: string, version: string): string => {
    integrity ??= file === undefined ? () => undefined : integrityIn(file, readFileSync(file, "utf8"))
    return integrity(name, version) ?? ""
  }

  const dependency = (name: string, folder: string): string | undefined => {
    for (let at = folder;; at = dirname(at)) {
      const installed = join(at, "node_modules", name)
      if (existsSync(join(installed, "package.json"))) return realpathSync(installed)
      if (at === dirname(at)) return undefined
    }
  }

  return (folder: string): InstalledPackage => {
    const before = known.get(folder)
    if (before !== undefined) return before
    const folders = new Set([folder])
    const lines: Array<string> = []
    for (const each of folders) {
      const manifest = resolver.json(join(each, "package.json")) ?? {}
      const [name, version] = [String(manifest["name"]), String(manifest["version"])]
      lines.push(`${name}@${version} ${locked(name, version)}`.trimEnd())
      for (const field of ["dependencies", "optionalDependencies", "peerDependencies"]) {
        const needed = manifest[field]
        for (const one of isJson(needed) ? Object.keys(needed) : []) {
          const found = dependency(one, each)
          if (found !== undefined) folders.add(found)
        }
      }
    }
    const manifest = resolver.json(join(folder, "package.json")) ?? {}
    const made = { name: String(manifest["name"]), version: String(manifest["version"]), lines: [...new Set(lines)].sort() }
    known.set(folder, made)
    return made
  }
}
