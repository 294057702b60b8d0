/**
 * What a function takes from where it stands and no source shows.
 */
import { basename } from "node:path"
import { isFunction, type Node } from "./ast.ts"
import type { Module } from "./calls.ts"
import type { Scope } from "./scopes.ts"

const lineOf = (node: Node, { path }: Module): string => `${basename(path)}:${node.loc.start.line}`

/** The function whose `this` a scope sees; undefined at the top of a module. */
const holderOfThis = (scope: Scope | undefined): Node | undefined => {
  for (let at = scope; at !== undefined; at = at.parent) {
    const { type } = at.node
    if ((isFunction(at.node) && type !== "ArrowFunctionExpression") || /^Class(?:Private|Accessor)?Property$|^StaticBlock$/.test(type)) return at.node
  }
  return undefined
}

/** The first thing that one of these nodes captures, in a sentence; undefined where nothing is. */
export const firstCaptured = (nodes: ReadonlyArray<Node>, module: Module): string | undefined => {
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
