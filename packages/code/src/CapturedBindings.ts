/**
 * Whether a step's functions depend on a value that their text and the project's sources do not show: a binding of an
 * enclosing function (a loop's variable, a factory's argument, `this`), or a top-level variable that is assigned again.
 *
 * The module that made the step is parsed, the functions are found in it, and each name they use is looked up. What a
 * function takes from the module's own scope (imports, constants, functions) is seen by the digest of the sources. A
 * function that cannot be found may use nothing but globals.
 */
import { readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { child, isFunction, list, type Node } from "./internal/ast.ts"
import { bindingOf, type Call, callAt, declaredFunction, type Module, type Question } from "./internal/calls.ts"
import { firstCaptured } from "./internal/captures.ts"
import { resolveSource } from "./internal/imports.ts"
import type { Parser } from "./internal/parsing.ts"
import { readScopes, type Scopes } from "./internal/scopes.ts"
import { isCompiledFrom, type Structure, structureOf } from "./internal/structure.ts"

/** More modules than this are not searched for one function. */
const mostModules = 40

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
