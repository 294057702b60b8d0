/**
 * Whether a step's functions depend on a value that their text and the project's sources do not show: a binding of an
 * enclosing function (a loop's variable, a factory's argument, `this`), or a top-level variable that is assigned again.
 *
 * The module that made the step is parsed, the functions are found in it, and each name they use is looked up. What a
 * function takes from the module's own scope (imports, constants, functions) is seen by the digest of the sources. A
 * function that cannot be found may use nothing but globals.
 */
import { readFileSync } from "node:fs"
import { basename, dirname, resolve } from "node:path"
import { child, isFunction, list, nameOf, type Node, unwrap } from "./internal/ast.ts"
import type { Frame } from "./internal/frames.ts"
import { resolveSource } from "./internal/imports.ts"
import type { Parser } from "./internal/parsing.ts"
import { readScopes, type Scope, type Scopes } from "./internal/scopes.ts"
import { isCompiledFrom, type Structure, structureOf } from "./internal/structure.ts"

/** What is asked: functions, and where the step that has them was made. */
export interface Question {
  readonly step: string
  readonly functions: ReadonlyArray<Function>
  readonly frames: ReadonlyArray<Frame>
  /** Whether a file lies in a bundler's folder, where modules are wrapped in functions. */
  readonly isBundle: (path: string) => boolean
}

/** A module that was read. */
interface Module {
  readonly path: string
  readonly source: string
  readonly program: Node
  readonly scopes: Scopes
}

/** More modules than this are not searched for one function. */
const mostModules = 40

const optionNames = new Set(["run", "when", "over", "key", "files"])

const globals = new Set(["arguments", "require", "module", "exports", "__filename", "__dirname", "undefined", "__name"])

/** Looks for captured bindings; keeps what it parsed. One is made for a process. */
export const make = (parser: Parser) => {
  const modules = new Map<string, Module | undefined>()

  const open = (path: string, bundle: boolean): Module | undefined => {
    if (modules.has(path)) return modules.get(path)
    const opened = ((): Module | undefined => {
      try {
        const source = readFileSync(path, "utf8")
        const program = parser.module(path, source)
        return program === undefined ? undefined : { path, source, program, scopes: readScopes(program, bundle) }
      } catch {
        return undefined
      }
    })()
    modules.set(path, opened)
    return opened
  }

  /** The modules to look in: those of the stack, then what they import, nearest first. */
  const candidates = function*(question: Question): Generator<Module> {
    const paths = [...new Set(question.frames.map(({ path }) => path))].filter((path) => !/[\\/]node_modules[\\/]/.test(path) || question.isBundle(path))
    for (const path of paths) {
      if (paths.length > mostModules) return
      const module = open(path, question.isBundle(path))
      if (module === undefined) continue
      yield module
      for (const specifier of importsOf(module)) {
        const found = resolveSource(resolve(dirname(path), specifier))
        if (found !== undefined && !paths.includes(found)) paths.push(found)
      }
    }
  }

  /** Why a step is not reused, or undefined where nothing is captured. */
  const find = (question: Question): string | undefined => {
    const call = callAt(question, open)
    for (const f of question.functions) {
      const text = Function.prototype.toString.call(f)
      const own = ownFunction(parser.functionText(text))
      if (own === undefined) return `the text of its function cannot be read (${text.slice(0, 40)})`
      const why = inCall(f, own, call, question, candidates) ?? { captured: outsideIn(own) }
      if (why.captured !== undefined) return why.captured
    }
    return undefined
  }

  return { find }
}

interface OwnFunction {
  readonly node: Node
  readonly scopes: Scopes
  readonly structure: Structure
}

/** The function in a text that was parsed as an expression, an object or a class. */
const ownFunction = (tree: Node | undefined): OwnFunction | undefined => {
  if (tree === undefined) return undefined
  const scopes = readScopes(tree)
  const [node] = scopes.functions.keys()
  return node === undefined ? undefined : { node, scopes, structure: structureOf(node, scopes) }
}

/** What a function that was found nowhere takes from outside, besides globals. */
const outsideIn = ({ scopes }: OwnFunction): string | undefined => {
  for (const { name, scope } of scopes.references.values()) {
    if (name === "this" || name === "super" || name === "new.target") continue
    if (scopes.resolve(name, scope) === undefined && !(name in globalThis) && !globals.has(name)) {
      return `it uses \`${name}\`, and where that comes from cannot be seen, because the function was not found in the file that made the step`
    }
  }
  return undefined
}

/** A call that makes a step, with the options that hold its functions. */
interface Call {
  readonly module: Module
  readonly options: ReadonlyMap<string, Node>
}

const optionsOf = (call: Node): ReadonlyMap<string, Node> => {
  const options = new Map<string, Node>()
  for (const argument of list(call, "arguments")) {
    if (unwrap(argument).type !== "ObjectExpression") continue
    for (const property of list(unwrap(argument), "properties")) {
      const key = child(property, "key")
      const name = nameOf(key) ?? (typeof key?.["value"] === "string" ? key["value"] : undefined)
      if (name === undefined || property["computed"] === true || !optionNames.has(name)) continue
      const value = property.type === "ObjectMethod" ? property : child(property, "value")
      if (value !== undefined) options.set(name, unwrap(value))
    }
  }
  return options
}

/** The call at the stack's first frame: the innermost one whose callee holds the position. */
const callAt = ({ frames, isBundle, step }: Question, open: (path: string, bundle: boolean) => Module | undefined): Call | undefined => {
  const frame = frames[0]
  const module = frame === undefined ? undefined : open(frame.path, isBundle(frame.path))
  if (frame === undefined || module === undefined) return undefined
  const position = positionOf(module.source, frame)
  const calls = callsIn(module.program).filter((call) => optionsOf(call).has("run") && isNamed(call, step))
  const at = calls.filter((call) => call.start <= position && position <= child(call, "callee")!.end)
    .sort((a, b) => (a.end - a.start) - (b.end - b.start))[0]
  // A position that was mapped back through a compiler may be that of the line only.
  const onLine = calls.filter((call) => call.loc.start.line === frame.line)
  const call = at ?? (onLine.length === 1 ? onLine[0] : undefined)
  return call === undefined ? undefined : { module, options: optionsOf(call) }
}

/** Whether a call may be the one that made a step of that name. */
const isNamed = (call: Node, step: string): boolean => {
  const name = list(call, "arguments")[0]
  return name?.type !== "StringLiteral" || name["value"] === step
}

const positionOf = (source: string, { column, line }: Frame): number => {
  let start = 0
  for (let at = 1; at < line; at++) start = source.indexOf("\n", start) + 1
  return start + column
}

const callsIn = (root: Node): ReadonlyArray<Node> => {
  const calls: Array<Node> = []
  const waiting: Array<unknown> = [root]
  for (let value = waiting.pop(); waiting.length > 0 || value !== undefined; value = waiting.pop()) {
    if (Array.isArray(value)) waiting.push(...value)
    else if (typeof value === "object" && value !== null && "type" in value) {
      const node = value as Node
      if (node.type === "CallExpression") calls.push(node)
      for (const field of Object.keys(node)) if (field !== "loc" && typeof node[field] === "object" && node[field] !== null) waiting.push(node[field])
    }
  }
  return calls
}

const importsOf = ({ program }: Module): ReadonlyArray<string> =>
  list(program, "body").flatMap((node) => {
    const from = /^(?:Import|Export)/.test(node.type) ? child(node, "source")?.["value"] : undefined
    return typeof from === "string" && from.startsWith(".") ? [from] : []
  })

/** Whether a function found by its structure captures something: the one in the step's own call, else every one that looks like it. */
const inCall = (
  f: Function,
  own: OwnFunction,
  call: Call | undefined,
  question: Question,
  candidates: (question: Question) => Iterable<Module>
): { readonly captured: string | undefined } | undefined => {
  const looksLike = (module: Module) => (node: Node) => isAlike(node, own.node) && isCompiledFrom(own.structure, structureOf(node, module.scopes))
  const options = [...call?.options.values() ?? []]
  const alike: Array<Node> = []
  const made: Array<Node> = []
  let fromPackage = false
  for (const option of call === undefined ? [] : options) {
    const declared = isFunction(option) ? option : declaredFunction(option, call!.module)
    const binding = option.type === "Identifier" ? bindingOf(option, call!.module) : undefined
    if (declared !== undefined) {
      if (looksLike(call!.module)(declared)) alike.push(declared)
    } else if (binding?.kind !== "import") made.push(option)
    else if (binding.from?.startsWith(".") === false) fromPackage = true
  }
  if (alike.length > 0) return { captured: firstCaptured(alike, call!.module) }
  // `run: Effect.fn("train")(function*() { … })`: what runs was made by another function; what it was made from counts.
  const captured = made.length === 0 ? undefined : firstCaptured(made, call!.module)
  if (captured !== undefined || (made.length > 0 && made.length === options.filter((option) => !isFunction(option)).length)) return { captured }

  for (const module of candidates(question)) {
    if (f.name !== "" && !module.source.includes(f.name) && module !== call?.module) continue
    const found = [...module.scopes.functions.keys()].filter(looksLike(module))
    if (found.length > 0) return { captured: firstCaptured(found, module) }
  }
  // A function of a package: the lockfile, or the workspace's own sources, stand for it.
  return fromPackage ? { captured: undefined } : undefined
}

const isAlike = (a: Node, b: Node): boolean =>
  (a.type === "ArrowFunctionExpression") === (b.type === "ArrowFunctionExpression")
  && Boolean(a["async"]) === Boolean(b["async"]) && Boolean(a["generator"]) === Boolean(b["generator"])
  && list(a, "params").length === list(b, "params").length

const bindingOf = (node: Node, { scopes }: Module) => {
  const use = scopes.references.get(node)
  return use === undefined ? undefined : scopes.resolve(use.name, use.scope)
}

/** The function that a name stands for, where it was declared as one in this module. */
const declaredFunction = (node: Node, module: Module): Node | undefined => {
  const binding = node.type === "Identifier" ? bindingOf(node, module) : undefined
  if (binding === undefined || binding.assigned) return undefined
  if (binding.kind === "function") return binding.node
  const value = binding.node.type === "VariableDeclarator" ? child(binding.node, "init") : undefined
  return value !== undefined && isFunction(unwrap(value)) ? unwrap(value) : undefined
}

const lineOf = (node: Node, { path }: Module): string => `${basename(path)}:${node.loc.start.line}`

/** The function whose `this` a scope sees; undefined at the top of a module. */
const holderOfThis = (scope: Scope | undefined): Node | undefined => {
  for (let at = scope; at !== undefined; at = at.parent) {
    const { type } = at.node
    if ((isFunction(at.node) && type !== "ArrowFunctionExpression") || /^Class(?:Private|Accessor)?Property$|^StaticBlock$/.test(type)) return at.node
  }
  return undefined
}

const firstCaptured = (nodes: ReadonlyArray<Node>, module: Module): string | undefined => {
  for (const node of nodes) {
    const captured = capturedBy(node, module)
    if (captured !== undefined) return captured
  }
  return undefined
}

const isInside = (node: Node, root: Node): boolean => node.start >= root.start && node.end <= root.end

/** What a function or an expression takes from where it stands and the sources do not show, in a sentence. */
const capturedBy = (root: Node, module: Module): string | undefined => {
  const { scopes } = module
  for (const { name, node, scope } of scopes.references.values()) {
    if (!isInside(node, root)) continue
    if (name === "this" || name === "super" || name === "new.target" || name === "arguments") {
      const holder = holderOfThis(scope)
      if (holder !== undefined && !isInside(holder, root)) {
        return `it uses \`${name}\` of the function around it (${lineOf(node, module)})`
      }
      continue
    }
    const binding = scopes.resolve(name, scope)
    if (binding === undefined) {
      if (name === "eval") return `it uses \`eval\` (${lineOf(node, module)}), and what that reads cannot be seen`
      continue
    }
    if (binding.node === root || isInside(binding.scope.node, root)) continue
    if (!binding.scope.once) {
      const what = binding.scope.loop ? "a variable of a loop" : "a binding of an enclosing function"
      return `it captures \`${name}\`, ${what} (${lineOf(node, module)})`
    }
    if (binding.assigned && binding.kind !== "import") {
      return `it uses \`${name}\`, a variable that is assigned more than once (${lineOf(node, module)})`
    }
  }
  return undefined
}
