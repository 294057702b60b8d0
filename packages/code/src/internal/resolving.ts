/**
 * Where an import leads: to a file of the workspace, to an installed package, or to the runtime itself.
 *
 * Packages whose files lie outside of every `node_modules` are of the workspace, and count as source; UniFlow's own do
 * not, because a step's result does not depend on how it is recorded. What decides, as in Node: relative paths, `imports` and `exports` with the conditions of this process; besides, tsconfig `paths`.
 */
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs"
import { builtinModules } from "node:module"
import { dirname, isAbsolute, join, resolve, sep } from "node:path"
import process from "node:process"
import { child, list, nameOf, type Node } from "./ast.ts"
import { resolveSource } from "./imports.ts"
import type { Parser } from "./parsing.ts"

export type Resolved =
  | { readonly kind: "file"; readonly path: string }
  /** `folder`: where it is installed, links followed. */
  | { readonly kind: "package"; readonly name: string; readonly folder: string; readonly subpath: string }
  | { readonly kind: "runtime" }

type Json = { readonly [key: string]: unknown }

export const isJson = (u: unknown): u is Json => typeof u === "object" && u !== null && !Array.isArray(u)

/** The conditions under which this process resolves packages. */
export const conditionsInUse = (): ReadonlySet<string> => {
  const args = [...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(/\s+/)]
  const found = new Set(["node", "import", "module-sync", "require", "default"])
  for (const [i, arg] of args.entries()) {
    const match = /^(?:--conditions|-C)(?:=(.*))?$/.exec(arg)
    const name = match === null ? undefined : match[1] ?? args[i + 1]
    if (name !== undefined) found.add(name)
  }
  if (process.env["VITEST"] !== undefined) {
    found.add("module")
    found.add(process.env["NODE_ENV"] === "production" ? "production" : "development")
  }
  return found
}

const runtime = new Set(builtinModules)

const uniflow = /^(?:uniflow|@uniflow\/[^/]+)$/

/** The files that a value of `exports` or `imports` may mean, under conditions; undefined where it means none. */
const target = (value: unknown, star: string, conditions: ReadonlySet<string>): string | undefined => {
  if (typeof value === "string") return value.replaceAll("*", star)
  if (Array.isArray(value)) return value.map((each) => target(each, star, conditions)).find((each) => each !== undefined)
  if (!isJson(value)) return undefined
  for (const [condition, each] of Object.entries(value)) {
    if (!conditions.has(condition)) continue
    const found = target(each, star, conditions)
    if (found !== undefined) return found
  }
  return undefined
}

const entry = (map: Json, key: string, conditions: ReadonlySet<string>): string | undefined => {
  if (Object.hasOwn(map, key)) return target(map[key], "", conditions)
  const patterns = Object.keys(map).filter((pattern) => pattern.includes("*")).sort((a, b) => b.indexOf("*") - a.indexOf("*"))
  for (const pattern of patterns) {
    const [before = "", after = ""] = pattern.split("*")
    if (key.startsWith(before) && key.endsWith(after) && key.length >= before.length + after.length) {
      return target(map[pattern], key.slice(before.length, key.length - after.length), conditions)
    }
  }
  return undefined
}

/** Resolves imports; keeps what it read. One is made for each look at a project. */
export const make = (parser: Parser, root: string) => {
  const conditions = conditionsInUse()
  const manifests = new Map<string, Json | undefined>()
  const paths = new Map<string, ReadonlyArray<{ readonly pattern: string; readonly targets: ReadonlyArray<string> }>>()
  /** Files besides modules that answers depend on. */
  const read = new Set<string>()

  const json = (path: string): Json | undefined => {
    if (manifests.has(path)) return manifests.get(path)
    let value: Json | undefined
    try {
      const text = readFileSync(path, "utf8")
      const parsed: unknown = path.endsWith("package.json") ? JSON.parse(text) : valueOf(expressionIn(parser.functionText(text)))
      if (isJson(parsed)) value = parsed
      read.add(path)
    } catch {
      value = undefined
    }
    manifests.set(path, value)
    return value
  }

  const above = function*(folder: string): Generator<string> {
    for (let at = folder;; at = dirname(at)) {
      yield at
      if (at === dirname(at)) return
    }
  }

  const file = (path: string): Resolved | undefined => {
    const found = resolveSource(path) ?? (isFile(`${path}.json`) ? `${path}.json` : undefined)
    return found === undefined ? undefined : { kind: "file", path: realpathSync(found) }
  }

  /** The `paths` that hold for a folder, nearest tsconfig first, `extends` followed. */
  const pathsFor = (folder: string) => {
    const known = paths.get(folder)
    if (known !== undefined) return known
    let found: ReadonlyArray<{ readonly pattern: string; readonly targets: ReadonlyArray<string> }> = []
    for (const at of above(folder)) {
      const config = ["tsconfig.json", "jsconfig.json"].map((name) => join(at, name)).find((path) => existsSync(path))
      if (config !== undefined) {
        found = pathsIn(config, new Set())
        break
      }
      if (at === root) break
    }
    paths.set(folder, found)
    return found
  }

  const pathsIn = (config: string, seen: Set<string>): ReadonlyArray<{ readonly pattern: string; readonly targets: ReadonlyArray<string> }> => {
    if (seen.has(config)) return []
    seen.add(config)
    const value = json(config)
    const options = value?.["compilerOptions"]
    const base = isJson(options) && typeof options["baseUrl"] === "string" ? resolve(dirname(config), options["baseUrl"]) : undefined
    if (isJson(options) && isJson(options["paths"])) {
      return Object.entries(options["paths"]).map(([pattern, targets]) => ({
        pattern,
        targets: (Array.isArray(targets) ? targets : []).filter((each) => typeof each === "string").map((each) => resolve(base ?? dirname(config), each))
      }))
    }
    const inherited = [value?.["extends"]].flat().filter((each) => typeof each === "string").reverse().flatMap((from) => {
      const path = from.startsWith(".") || isAbsolute(from) ? resolve(dirname(config), from) : undefined
      const found = path === undefined ? undefined : [path, `${path}.json`, join(path, "tsconfig.json")].find(isFile)
      return found === undefined ? [] : pathsIn(found, seen)
    })
    return base === undefined || inherited.length > 0 ? inherited : [{ pattern: "*", targets: [join(base, "*")] }]
  }

  const byPaths = (specifier: string, folder: string): Resolved | undefined => {
    for (const { pattern, targets } of pathsFor(folder)) {
      const [before = "", after] = pattern.split("*")
      const matches = after === undefined ? specifier === pattern : specifier.startsWith(before) && specifier.endsWith(after)
      if (!matches) continue
      const star = after === undefined ? "" : specifier.slice(before.length, specifier.length - after.length)
      for (const each of targets) {
        const found = file(each.replaceAll("*", star))
        if (found !== undefined) return found
      }
    }
    return undefined
  }

  const byPackage = (specifier: string, folder: string): Resolved | undefined => {
    const [, name = "", rest = ""] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(specifier) ?? []
    for (const at of above(folder)) {
      const own = join(at, "package.json")
      const manifest = existsSync(own) ? json(own) : undefined
      // A package knows itself by its name.
      if (manifest?.["name"] === name && manifest["exports"] !== undefined) return inPackage(name, at, rest, manifest)
      const installed = join(at, "node_modules", name)
      if (!existsSync(join(installed, "package.json"))) continue
      const real = realpathSync(installed)
      return inPackage(name, real, rest, json(join(real, "package.json")) ?? {})
    }
    return undefined
  }

  const inPackage = (name: string, folder: string, rest: string, manifest: Json): Resolved | undefined => {
    if (folder.split(sep).includes("node_modules") || uniflow.test(name)) return { kind: "package", name, folder, subpath: rest }
    const { exports } = manifest
    if (exports !== undefined && exports !== null) {
      const map = isJson(exports) && Object.keys(exports).some((key) => key.startsWith(".")) ? exports : { ".": exports }
      const found = entry(map, `.${rest}`, conditions)
      return found === undefined ? undefined : file(join(folder, found))
    }
    if (rest !== "") return file(join(folder, rest))
    const main = [manifest["module"], manifest["main"], "index"].find((each) => typeof each === "string" && file(join(folder, each)) !== undefined)
    return typeof main === "string" ? file(join(folder, main)) : undefined
  }

  const byImports = (specifier: string, folder: string): Resolved | undefined => {
    for (const at of above(folder)) {
      const manifest = json(join(at, "package.json"))
      if (manifest === undefined) continue
      const found = isJson(manifest["imports"]) ? entry(manifest["imports"], specifier, conditions) : undefined
      return found === undefined ? undefined : found.startsWith(".") ? file(join(at, found)) : byPackage(found, at)
    }
    return undefined
  }

  /** Where a specifier in a file leads; undefined where that cannot be seen. */
  const of = (path: string, given: string): Resolved | undefined => {
    const folder = dirname(path)
    const specifier = given.replace(/\?.*$/, "")
    if (specifier.startsWith("node:") || specifier.startsWith("bun:") || runtime.has(specifier)) return { kind: "runtime" }
    if (specifier.startsWith("file:")) return undefined
    if (/^\.{1,2}(?:\/|$)/.test(specifier)) return file(resolve(folder, specifier))
    if (isAbsolute(specifier)) return file(specifier)
    if (specifier.startsWith("#")) return byImports(specifier, folder) ?? byPaths(specifier, folder)
    return byPaths(specifier, folder) ?? byPackage(specifier, folder)
  }

  return { of, json, read }
}

export type Resolver = ReturnType<typeof make>

const isFile = (path: string): boolean => {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const expressionIn = (tree: Node | undefined): Node | undefined => tree?.type === "ParenthesizedExpression" ? child(tree, "expression") : tree

/** The value of JSON that may hold comments and trailing commas. */
const valueOf = (node: Node | undefined): unknown => {
  switch (node?.type) {
    case "ObjectExpression":
      return Object.fromEntries(list(node, "properties").map((property) => {
        const key = child(property, "key")
        return [String(key?.["value"] ?? nameOf(key)), valueOf(child(property, "value"))]
      }))
    case "ArrayExpression":
      return list(node, "elements").map(valueOf)
    case "StringLiteral":
    case "NumericLiteral":
    case "BooleanLiteral":
      return node["value"]
  }
  return undefined
}
