/**
 * Everything that some functions of a module reach, declaration by declaration, and one hash over it.
 *
 * The hash is that of the graph: declarations are numbered in the order in which they are reached, so names, files and
 * the way something is imported do not count, only what is done. Where a reached declaration reads a property `name`, the
 * names of functions can be seen by it, and count.
 */
import { createHash } from "node:crypto"
import { relative, sep } from "node:path"
import type { CodePart } from "@uniflow/core"
import type { Node } from "./ast.ts"
import { isCallable, type Influence, type Influences } from "./influences.ts"
import { sourceExtensions } from "./imports.ts"
import type { Item, ModuleItems, Printed } from "./moduleItems.ts"
import type { Found, Project } from "./project.ts"

/** A function to begin with. */
export interface Start {
  readonly name: string
  readonly node: Node
}

export type Reached =
  | { readonly kind: "seen"; readonly hash: string; readonly parts: ReadonlyArray<CodePart> }
  /** Something that it reaches cannot be read. */
  | { readonly kind: "unseen"; readonly why: string }
  /** It reaches a variable whose value no source shows. */
  | { readonly kind: "refused"; readonly why: string }

interface Part {
  readonly file: string
  readonly name: string
  /** For the hash over all: references are numbers. */
  readonly numbered: string
  /** For its own: references are names. */
  readonly named: string
  readonly text: string | null
  readonly readsName: boolean
  /** The names that functions and classes have by it. */
  readonly names: ReadonlyArray<string>
}

/** More declarations than this are not followed. */
const mostParts = 20_000

class Stop {
  readonly reached: Exclude<Reached, { readonly kind: "seen" }>
  constructor(kind: "unseen" | "refused", why: string) {
    this.reached = { kind, why }
  }
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")

/** Walks from functions of a module over all that they reach. */
export const reach = (project: Project, influences: Influences, root: string, module: ModuleItems, starts: ReadonlyArray<Start>): Reached => {
  const numbers = new Map<unknown, number>()
  const waiting: Array<() => Part> = []
  const parts: Array<Part> = []
  const modules = new Set<ModuleItems>()
  const packages = new Set<string>()
  const influenced = new Set<Item>()
  const extra: Array<Influence> = []

  const shown = (path: string): string => relative(root, path).split(sep).join("/")
  const whereIs = (path: string, line: number): string => `${shown(path)}:${line}`

  const numberOf = (key: unknown, part: () => Part): number => {
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, numbers.size)
    waiting.push(part)
    if (numbers.size > mostParts) throw new Stop("unseen", `it reaches more than ${mostParts} declarations`)
    return numbers.size - 1
  }

  const itemPart = (from: ModuleItems, item: Item) => (): Part =>
    written(from, item.name, item.node, from.source.slice(item.statement.start, item.statement.end), from.print(item), item.names)

  const written = (from: ModuleItems, name: string, node: Node, text: string, { pieces, readsName, unseen }: Printed, names: ReadonlyArray<string> = []): Part => {
    if (unseen !== undefined) throw new Stop("unseen", `${unseen.replace(/ \(line (\d+)\)$/, (_, line) => ` (${whereIs(from.path, Number(line))})`)}`)
    enter(from)
    const numbered: Array<string> = []
    const named: Array<string> = []
    for (const piece of pieces) {
      if (typeof piece === "string") {
        numbered.push(piece)
        named.push(piece)
      } else if (piece.kind === "place") {
        numbered.push(`@place ${shown(from.path)}`)
        named.push("@place")
      } else {
        const [number, called] = follow(project.find(from, piece), from, node, piece.kind === "local" ? piece.name : piece.kind === "import" ? piece.imported : piece.specifier)
        numbered.push(`@${number}`)
        named.push(`@${called}`)
      }
    }
    return { file: shown(from.path), name, numbered: numbered.join(""), named: named.join(""), text, readsName, names }
  }

  /** Numbers what a reference stands for, and what it is called. */
  const follow = (found: Found, from: ModuleItems, node: Node, written: string): readonly [string, string] => {
    switch (found.kind) {
      case "items": {
        const binding = found.module.scopes.root.bindings.get(found.name)
        if (binding?.assigned === true && binding.kind === "variable") {
          throw new Stop("refused", `it uses \`${binding.name}\`, a variable that is assigned more than once (${whereIs(found.module.path, binding.node.loc.start.line)})`)
        }
        const all = found.items.map((item) => numberOf(item, itemPart(found.module, item)))
        if (!influenced.has(found.items[0]!)) {
          influenced.add(found.items[0]!)
          extra.push(...influences.changing(found))
        }
        const many = found.items[0]!.names.length > 1 ? `.${found.items[0]!.names.indexOf(found.name)}` : ""
        return [`${all.join("+")}${many}`, found.name]
      }
      case "module": {
        const { module: whole } = found
        return [String(numberOf(whole, wholePart(whole))), written]
      }
      case "package": {
        const { lines, name, version } = found.package
        packages.add(name)
        const number = numberOf(`package ${name}@${version}`, () => ({ file: name, name: version, numbered: lines.join("\n"), named: lines.join("\n"), text: null, readsName: false, names: [] }))
        return [`${number}${found.subpath}#${found.name}`, `${name}${found.subpath}#${found.name}`]
      }
      case "file": {
        const number = numberOf(`file ${found.path}`, () => {
          const digest = project.digestOf(found.path)
          if (digest === undefined) throw new Stop("unseen", `${shown(found.path)} cannot be read`)
          const text = project.textOf(found.path)
          return { file: shown(found.path), name: "content", numbered: digest, named: digest, text: text === undefined || text.includes("\0") ? null : text, readsName: false, names: [] }
        })
        return [String(number), shown(found.path)]
      }
      case "runtime":
        return [found.name, found.name]
      case "nothing":
        return [`nothing ${written}`, written]
      case "unseen":
        throw new Stop("unseen", `${found.why} (${whereIs(from.path, node.loc.start.line)})`)
    }
  }

  /** A module as its namespace shows it; all of it, where it is CommonJS. */
  const wholePart = (whole: ModuleItems) => (): Part => {
    enter(whole)
    const lines: Array<readonly [string, string]> = []
    if (whole.common) for (const item of whole.items) lines.push([String(numberOf(item, itemPart(whole, item))), item.name])
    for (const name of [...whole.exports.keys()].sort()) lines.push(...given(whole, name))
    for (const star of whole.stars) {
      const found = project.find(whole, { kind: "import", specifier: star, imported: "*" })
      lines.push(follow(found, whole, whole.program, "*"))
    }
    const numbered = lines.map(([number, name]) => `${name}:${number}`).join(",")
    return { file: shown(whole.path), name: "*", numbered, named: lines.map(([, name]) => name).join(","), text: null, readsName: false, names: [] }
  }
  const given = (whole: ModuleItems, name: string): ReadonlyArray<readonly [string, string]> => {
    const [number] = follow(project.exported(whole, name), whole, whole.program, name)
    return [[number, name]]
  }

  const enter = (from: ModuleItems): void => void modules.add(from)

  const drain = (): void => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) parts.push(next())
  }

  /** What runs while modules are loaded, by the order in which those are. */
  const running = new Map<Item, ModuleItems>()

  /** Modules that the step's own functions reach. */
  let own: ReadonlyArray<ModuleItems> = []

  /** Modules in the order in which they are loaded with those that the step's functions reach. */
  const loadOrder = (): ReadonlyMap<string, number> => {
    const order = new Map<string, number>()
    const seen = new Set<string>()
    const load = (given: string): void => {
      const path = project.pathOf(given)
      if (seen.has(path)) return
      seen.add(path)
      for (const { specifier } of project.importsOf(path)) {
        const at = project.resolve(path, specifier)
        if (at?.kind === "file") load(at.path)
      }
      order.set(path, order.size)
    }
    for (const { path } of own) load(path)
    return order
  }

  /** Statements that change something count in their order, and by whether their module is loaded with the step's. */
  const orderPart = (): Part => {
    const order = loadOrder()
    const all = Array.from(running, ([item, from]) => ({ item, from, at: order.get(from.path) }))
      .sort((a, b) => (a.at ?? Infinity) - (b.at ?? Infinity) || (a.from.path < b.from.path ? -1 : a.from.path > b.from.path ? 1 : a.item.index - b.item.index))
    return {
      file: shown(module.path),
      name: "what its imports load, in order",
      numbered: all.map(({ at, item }) => `${numbers.get(item)}${at === undefined ? "?" : ""}`).join(),
      named: [...new Set(all.map(({ at, from }) => `${shown(from.path)}${at === undefined ? "?" : ""}`))].join(),
      text: null,
      readsName: false,
      names: []
    }
  }

  const join = ({ item, module: from }: Influence, caused: Set<Item>): void => {
    numberOf(item, itemPart(from, item))
    if (!isCallable(item)) running.set(item, from)
    if (caused.has(item)) return
    caused.add(item)
    extra.push(...influences.causing(from, item))
  }

  /** Modules that are loaded with those that are reached. */
  const loaded = (): ReadonlyMap<string, boolean> => {
    const found = new Map<string, boolean>([...modules].map(({ path }) => [path, false]))
    for (const path of found.keys()) {
      for (const { alone, specifier } of project.importsOf(path)) {
        const at = project.resolve(path, specifier)
        if (at?.kind !== "file" || !sourceExtensions.has(at.path.slice(at.path.lastIndexOf(".")))) {
          if (alone && at?.kind === "package") sideEffects.set(`${path}\0${specifier}`, [path, specifier])
          continue
        }
        const opened = found.get(at.path)
        if (opened === undefined || alone) found.set(at.path, alone)
      }
    }
    return found
  }
  const sideEffects = new Map<string, readonly [string, string]>()

  try {
    for (const { name, node } of starts) {
      numberOf(node, () => written(module, name, node, module.source.slice(node.start, node.end), module.printNode(node)))
    }
    drain()
    own = [module, ...modules]
    const caused = new Set<Item>()
    for (let before = -1; before !== numbers.size;) {
      before = numbers.size
      for (const [path, alone] of loaded()) {
        const from = alone ? project.open(path) : undefined
        if (from !== undefined) extra.push(...from.items.map((item) => ({ module: from, item })).filter((each) => each.item.runs && influences.isFarReaching(each)))
        extra.push(...influences.global(path, (name) => packages.has(name)))
      }
      for (const [path, specifier] of sideEffects.values()) {
        const from = project.open(path)
        if (from !== undefined) follow(project.find(from, { kind: "import", specifier, imported: "*" }), from, from.program, specifier)
      }
      const found = extra.splice(0).sort((a, b) => a.module.path < b.module.path ? -1 : a.module.path > b.module.path ? 1 : a.item.index - b.item.index)
      for (const each of found) join(each, caused)
      drain()
      if (extra.length > 0) before = -1
    }
    if (running.size > 0) parts.push(orderPart())
  } catch (stop) {
    if (stop instanceof Stop) return stop.reached
    throw stop
  }
  const names = parts.some(({ readsName }) => readsName) ? `\n${parts.map(({ names }) => names.join(",")).join("\n")}` : ""
  return {
    kind: "seen",
    hash: sha256(`uniflow code 1\n${parts.map(({ numbered }, i) => `${i} ${numbered}`).join("\n")}${names}`),
    parts: parts.map(({ file, name, named, text }) => ({ file, name, hash: sha256(named).slice(0, 16), text }))
  }
}
