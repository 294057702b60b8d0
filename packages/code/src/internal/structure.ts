/**
 * The structure of a function, for finding in a source file the function that runs: types, comments and formatting aside,
 * and with the names that it takes from outside apart, because compilers rename imports
 * (`score` becomes `scoring_1.score`, `(0, _scoring.score)` or `__vi_import_0__.score`).
 *
 * Two functions of one structure need not be the same. It decides where to look, never what a step's code is.
 */
import { child, childrenOf, isFunction, isPlainName, list, nameOf, type Node, unwrap } from "./ast.ts"
import { isWithin, type Scopes } from "./scopes.ts"

const outside = "·"

const isMember = (node: Node): boolean => (node.type === "MemberExpression" || node.type === "OptionalMemberExpression") && node["computed"] !== true

/** The name at the root of `a.b.c`. */
const rootOf = (node: Node): Node => isMember(node) ? rootOf(unwrap(child(node, "object")!)) : node

/** A function without what it takes from outside, and that, in order. */
export interface Structure {
  readonly skeleton: string
  readonly outside: ReadonlyArray<{ readonly name: string; readonly imported: boolean }>
}

/** `a.b.c` as it is written. */
const chainOf = (node: Node): string => isMember(node) ? `${chainOf(unwrap(child(node, "object")!))}.${nameOf(child(node, "property"))}` : nameOf(node) ?? ""

/** Whether the function that runs may be the one of a source file. */
export const isCompiledFrom = (running: Structure, source: Structure): boolean =>
  running.skeleton === source.skeleton
  && running.outside.every(({ name }, index) => {
    const written = source.outside[index]!
    // An export may be read from the module's object: `exports.rate`.
    return written.imported || name === written.name || name.endsWith(`.${written.name}`)
  })

/** The structure of a function whose scopes were read. */
export const structureOf = (root: Node, scopes: Scopes): Structure => {
  const taken: Array<Structure["outside"][number]> = []
  const isOutside = (node: Node): boolean => {
    const use = scopes.references.get(node)
    return use !== undefined && node.type === "Identifier" && !isWithin(scopes.resolve(use.name, use.scope)?.scope, root)
  }
  const parts: Array<string> = []
  const write = (given: Node): void => {
    const node = unwrap(given)
    // (0, a.b)(…), and __name(f, "f"), which keeps names.
    if (node.type === "SequenceExpression" && list(node, "expressions").length === 2 && list(node, "expressions")[0]!.type === "NumericLiteral") {
      return write(list(node, "expressions")[1]!)
    }
    if (node.type === "CallExpression" && nameOf(child(node, "callee")) === "__name") return write(list(node, "arguments")[0]!)
    if (node.type === "EmptyStatement" || (node.type === "Directive" && child(node, "value")?.["value"] === "use strict")) return
    const base = rootOf(node)
    if (isOutside(base)) {
      const use = scopes.references.get(base)!
      taken.push({ name: chainOf(node), imported: scopes.resolve(use.name, use.scope)?.kind === "import" })
      return void parts.push(outside)
    }
    parts.push(node.type, "(")
    for (const field of ["name", "value", "operator", "kind", "async", "generator", "computed", "static", "prefix", "delegate", "pattern", "flags"]) {
      const value = node[field]
      if (typeof value === "object" || value === undefined || value === false) continue
      parts.push(field, "=", typeof value === "bigint" ? `${value}n` : JSON.stringify(value), ";")
    }
    if (node.type === "TemplateElement") parts.push(JSON.stringify((node["value"] as { readonly raw?: unknown }).raw))
    for (const [field, each] of childrenOf(node)) {
      // A function's own name is no part of what it does, and compilers add or drop it.
      if (field === "id" && isFunction(node)) continue
      parts.push(field, ":")
      if (isPlainName(node, field) && each.type === "Identifier") parts.push(JSON.stringify(nameOf(each)))
      else write(each)
      parts.push(",")
    }
    parts.push(")")
  }
  // A method and a function in a property's place are one thing to whoever calls them.
  parts.push(root.type === "ArrowFunctionExpression" ? "=>" : "function", root["async"] === true ? " async" : "", root["generator"] === true ? "*" : "")
  for (const parameter of list(root, "params")) write(parameter)
  const body = child(root, "body")
  if (body !== undefined) write(body)
  return { skeleton: parts.join(""), outside: taken }
}
