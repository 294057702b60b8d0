/**
 * The modules of a project, read as far as they are needed, and what their imports stand for.
 */
import { createHash } from "node:crypto"
import { readFileSync, realpathSync, statSync } from "node:fs"
import { extname, sep } from "node:path"
import * as Compiled from "./compiled.ts"
import { sourceExtensions } from "./imports.ts"
import { importedName, type Item, make as takeApart, type ModuleItems, type Ref } from "./moduleItems.ts"
import * as Mutations from "./mutations.ts"
import * as Packages from "./packages.ts"
import type { Parser } from "./parsing.ts"
import * as Resolving from "./resolving.ts"

/** What a name stands for. */
export type Found =
  | { readonly kind: "items"; readonly module: ModuleItems; readonly name: string; readonly items: ReadonlyArray<Item> }
  /** All that a module gives. */
  | { readonly kind: "module"; readonly module: ModuleItems }
  | { readonly kind: "package"; readonly package: Packages.InstalledPackage; readonly name: string; readonly subpath: string }
  /** A file by its content. */
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "runtime"; readonly name: string }
  /** A type, or nothing at all. */
  | { readonly kind: "nothing" }
  | { readonly kind: "unseen"; readonly why: string }

/** An import as its text shows it. */
interface Imported {
  readonly specifier: string
  readonly alone: boolean
}

const importPattern = /(?:^|[\n;])\s*(?:import|export)\b(?!\s*type[\s{])\s*(?:[^"'`;()]*?\bfrom\s*)?(["'])([^"'\n]+)\1/g

/** CommonJS: `require("./a")`, and whether it is a statement by itself. */
const requirePattern = /((?:^|[\n;])\s*)?\brequire\(\s*(["'])([^"'\n]+)\2/g

const importsIn = (text: string): ReadonlyArray<Imported> => [
  ...Array.from(text.matchAll(importPattern), ([whole, , specifier]) => ({ specifier: specifier!, alone: /^[\n;\s]*import\s*["']/.test(whole) })),
  ...Array.from(text.matchAll(requirePattern), ([, before, , specifier]) => ({ specifier: specifier!, alone: before !== undefined }))
]

const realPath = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** Reads a project; one is made for each look at it, so that nothing is taken for what it was before. */
export const make = (parser: Parser, root: string, parsed: Map<string, { readonly stamp: string; readonly module: ModuleItems | undefined }>) => {
  const resolver = Resolving.make(parser, root)
  const packages = Packages.make(resolver, root)
  const compiled = Compiled.make()
  const imports = new Map<string, ReadonlyArray<Imported>>()
  const texts = new Map<string, string | undefined>()
  const modules = new Map<string, ModuleItems | undefined>()
  const mutations = new Map<ModuleItems, Mutations.Mutations>()
  const resolved = new Map<string, Resolving.Resolved | undefined>()

  /** Files besides the project's own sources that answers depend on. */
  const read = new Set<string>()

  const textOf = (path: string): string | undefined => {
    if (texts.has(path)) return texts.get(path)
    let text: string | undefined
    try {
      text = readFileSync(path, "utf8")
    } catch {
      text = undefined
    }
    texts.set(path, text)
    // What is linked from elsewhere is no part of the project's digest.
    if (!path.startsWith(root + sep)) read.add(path)
    return text
  }

  /** The file that is read for one: its source, where that stands for it. */
  const pathOf = (given: string): string => realPath(compiled.sourceOf(given))

  const open = (given: string): ModuleItems | undefined => {
    if (modules.has(given)) return modules.get(given)
    const path = pathOf(given)
    const module = modules.has(path) ? modules.get(path) : take(path)
    modules.set(given, module)
    modules.set(path, module)
    return module
  }

  const take = (path: string): ModuleItems | undefined => {
    const source = textOf(path)
    let module: ModuleItems | undefined
    if (source !== undefined) {
      const { ctimeNs, ino, mtimeNs, size } = statSync(path, { bigint: true })
      const stamp = [ino, size, mtimeNs, ctimeNs].join(":")
      const before = parsed.get(path)
      if (before?.stamp === stamp && before.module?.source === source) module = before.module
      else {
        const program = parser.module(path, source)
        module = program === undefined ? undefined : takeApart(path, source, program)
        parsed.set(path, { stamp, module })
      }
    }
    return module
  }

  const resolve = (path: string, specifier: string): Resolving.Resolved | undefined => {
    const key = `${path}\0${specifier}`
    if (!resolved.has(key)) resolved.set(key, resolver.of(path, specifier))
    return resolved.get(key)
  }

  const imported = (path: string, specifier: string, name: string, seen: ReadonlySet<string>): Found => {
    const found = resolve(path, specifier)
    if (found === undefined) return { kind: "unseen", why: `where \`${specifier}\` leads cannot be seen` }
    if (found.kind === "runtime") return { kind: "runtime", name: `${specifier}#${name}` }
    if (found.kind === "package") return { kind: "package", package: packages(found.folder), name, subpath: found.subpath }
    if (specifier.includes("?") || !sourceExtensions.has(extname(found.path))) return { kind: "file", path: found.path }
    const module = open(found.path)
    if (module === undefined) return { kind: "unseen", why: `${found.path} cannot be read` }
    return name === "*" ? { kind: "module", module } : exported(module, name, seen)
  }

  const exported = (module: ModuleItems, name: string, seen: ReadonlySet<string> = new Set()): Found => {
    if (module.common) return { kind: "module", module }
    const key = `${module.path}\0${name}`
    if (seen.has(key)) return { kind: "nothing" }
    const on = new Set([...seen, key])
    const known = module.exports.get(name)
    if (known !== undefined) return "local" in known ? local(module, known.local, on) : imported(module.path, known.from, known.imported, on)
    if (name === "default") return { kind: "nothing" }
    let other: Found = { kind: "nothing" }
    for (const star of module.stars) {
      const found = imported(module.path, star, name, on)
      if (found.kind === "items" || found.kind === "unseen") return found
      if (found.kind !== "nothing") other = found
    }
    return other
  }

  const local = (module: ModuleItems, name: string, seen: ReadonlySet<string> = new Set()): Found => {
    const binding = module.scopes.root.bindings.get(name)
    if (binding?.kind === "import") {
      return binding.from === undefined ? { kind: "nothing" } : imported(module.path, binding.from, importedName(binding.node), seen)
    }
    const items = module.declared.get(name)
    return items === undefined ? { kind: "nothing" } : { kind: "items", module, name, items }
  }

  return {
    open,
    pathOf,
    textOf,
    exported,
    local,
    /** Files that answers depend on, besides the project's sources. */
    reads: (): ReadonlyArray<string> => [...read, ...resolver.read, ...compiled.maps].sort(),
    frameOf: compiled.frameOf,
    /** What a reference of a module stands for. */
    find: (module: ModuleItems, ref: Exclude<Ref, { readonly kind: "place" }>): Found => {
      switch (ref.kind) {
        case "local":
          return local(module, ref.name)
        case "import": {
          const found = imported(module.path, ref.specifier, ref.imported, new Set())
          return found.kind === "unseen" && ref.optional === true ? { kind: "nothing" } : found
        }
        case "file": {
          const found = imported(module.path, ref.specifier, "*", new Set())
          return found.kind === "unseen" ? { kind: "nothing" } : found
        }
      }
    },
    changed: (module: ModuleItems, target: Exclude<Mutations.Changed, { readonly kind: "global" }>): Found =>
      target.kind === "local" ? local(module, target.name) : imported(module.path, target.specifier, target.imported, new Set()),
    mutations: (module: ModuleItems): Mutations.Mutations => {
      const known = mutations.get(module) ?? Mutations.read(module)
      mutations.set(module, known)
      return known
    },
    /** What a module imports, told from its text. */
    importsOf: (path: string): ReadonlyArray<Imported> => {
      const known = imports.get(path) ?? importsIn(textOf(path) ?? "")
      imports.set(path, known)
      return known
    },
    resolve,
    digestOf: (path: string): string | undefined => {
      read.add(path)
      try {
        return createHash("sha256").update(readFileSync(path)).digest("hex")
      } catch {
        return undefined
      }
    }
  }
}

export type Project = ReturnType<typeof make>
