/**
 * Which variable a name means: the scopes of a module, what each declares, and what is assigned again.
 *
 * A scope counts as the module's own when its code runs once with the module: blocks outside of loops, functions that
 * are called where they stand, and the functions that bundlers wrap a module in. Every other scope may exist many times,
 * with other values each time.
 */
import { child, childrenOf, isFunction, isLoop, isPlainName, list, nameOf, type Node, unwrap } from "./ast.ts"

/** A declared name. */
export interface Binding {
  readonly name: string
  readonly scope: Scope
  readonly kind: "import" | "constant" | "variable" | "function" | "class" | "parameter"
  /** The node that declares it: a declarator, a function, an import's specifier, a parameter. */
  readonly node: Node
  /** For an import: the module's specifier. */
  readonly from: string | undefined
  /** Whether something besides its declaration assigns to it. */
  assigned: boolean
}

export interface Scope {
  readonly parent: Scope | undefined
  readonly node: Node
  /** Whether its code runs once, with the module. */
  readonly once: boolean
  /** Whether names declared by `var` end up here. */
  readonly takesVar: boolean
  /** Whether it is, or lies in, a loop's body and no function is between. */
  readonly loop: boolean
  /** Whether it is, or lies in, a function that a bundler wrapped a module in. */
  readonly wrapped: boolean
  readonly bindings: Map<string, Binding>
}

/** A use of a name, or of a value that a function takes from where it stands. */
interface Reference {
  readonly name: string
  readonly node: Node
  readonly scope: Scope
}

export interface Scopes {
  readonly root: Scope
  /** Every use of a name, by its node. */
  readonly references: ReadonlyMap<Node, Reference>
  /** What a name declares where it is declared, parameters aside (those are references to themselves). */
  readonly declarations: ReadonlyMap<Node, Binding>
  /** Each function with the scope that it stands in. */
  readonly functions: ReadonlyMap<Node, Scope>
  readonly resolve: (name: string, scope: Scope) => Binding | undefined
}

/** The names of a pattern: `{ a, b: [c = 1, ...d] }`. */
function* namesIn(pattern: Node): Generator<readonly [string, Node]> {
  const node = unwrap(pattern)
  switch (node.type) {
    case "Identifier": {
      yield [nameOf(node)!, node]
      return
    }
    case "ObjectPattern": {
      for (const property of list(node, "properties")) {
        const value = child(property, property.type === "RestElement" ? "argument" : "value")
        if (value !== undefined) yield* namesIn(value)
      }
      return
    }
    case "ArrayPattern": {
      for (const element of list(node, "elements")) yield* namesIn(element)
      return
    }
    case "AssignmentPattern":
    case "RestElement":
    case "TSParameterProperty": {
      const inner = child(node, "left") ?? child(node, "argument") ?? child(node, "parameter")
      if (inner !== undefined) yield* namesIn(inner)
    }
  }
}

/** A function that a bundler wraps a module in: the value of a key that is a path or a number, or an element of the list of modules. */
const isModuleWrapper = (parent: Node | undefined, field: string): boolean =>
  (parent?.type === "ObjectProperty" && field === "value" && ["StringLiteral", "NumericLiteral"].includes(child(parent, "key")?.type ?? ""))
  || (parent?.type === "ArrayExpression" && field === "elements")

const isMethodWrapper = (node: Node): boolean => node.type === "ObjectMethod" && child(node, "key")?.type === "StringLiteral"

/** Whether a scope is a node's, or lies in it. */
export const isWithin = (scope: Scope | undefined, node: Node): boolean => {
  for (let at = scope; at !== undefined; at = at.parent) if (at.node === node) return true
  return false
}

/** Reads the scopes of a module, or of a single function's text; `bundle` tells that a bundler wrapped the modules in it. */
export const readScopes = (program: Node, bundle = false): Scopes => {
  const references = new Map<Node, Reference>()
  const assignments: Array<Reference> = []
  const functions = new Map<Node, Scope>()
  const declarations = new Map<Node, Binding>()

  const open = (node: Node, parent: Scope | undefined, of: Partial<Pick<Scope, "once" | "takesVar" | "loop" | "wrapped">> = {}): Scope => ({
    node,
    parent,
    once: of.once ?? parent?.once ?? true,
    takesVar: of.takesVar ?? false,
    loop: of.loop ?? parent?.loop ?? false,
    wrapped: of.wrapped ?? parent?.wrapped ?? false,
    bindings: new Map()
  })

  const declare = (scope: Scope, name: string, kind: Binding["kind"], node: Node, at: Node | undefined, from?: string) => {
    const known = scope.bindings.get(name)
    // A second `var`, or a parameter's name declared again, is one variable with two values.
    if (known !== undefined) known.assigned = true
    const binding = known ?? { name, scope, kind, node, from, assigned: false }
    scope.bindings.set(name, binding)
    if (at !== undefined) declarations.set(at, binding)
  }

  const holderOfVar = (scope: Scope): Scope => scope.takesVar || scope.parent === undefined ? scope : holderOfVar(scope.parent)

  const assign = (target: Node, scope: Scope) => {
    for (const [name, node] of namesIn(target)) assignments.push({ name, node, scope })
  }

  const visitFunction = (node: Node, scope: Scope, once: boolean, wraps: boolean) => {
    functions.set(node, scope)
    const own = nameOf(child(node, "id"))
    // The name of a function expression is seen by itself alone.
    const outer = node.type === "FunctionExpression" && own !== undefined ? open(node, scope) : scope
    if (outer !== scope) declare(outer, own!, "function", node, child(node, "id"))
    const inner = open(node, outer, { once, takesVar: true, loop: false, wrapped: wraps || scope.wrapped })
    for (const parameter of list(node, "params")) for (const [name, at] of namesIn(parameter)) declare(inner, name, "parameter", at, undefined)
    for (const [field, each] of childrenOf(node)) {
      if (field === "id" || (field === "key" && node["computed"] !== true)) continue
      if (field === "body" && each.type === "BlockStatement") visitChildren(each, inner)
      else visit(each, field === "key" || field === "decorators" ? scope : inner, node, field)
    }
  }

  const visitChildren = (node: Node, scope: Scope) => {
    for (const [field, each] of childrenOf(node)) if (!isPlainName(node, field)) visit(each, scope, node, field)
  }

  const visit = (node: Node, scope: Scope, parent: Node | undefined, field: string): void => {
    if (isFunction(node)) {
      const name = nameOf(child(node, "id"))
      if (node.type === "FunctionDeclaration" && name !== undefined) declare(scope, name, "function", node, child(node, "id"))
      const isCalledHere = parent?.type === "CallExpression" && field === "callee" && node["generator"] !== true
      const wraps = bundle && !scope.wrapped && (isModuleWrapper(parent, field) || isMethodWrapper(node))
      return visitFunction(node, scope, scope.once && (isCalledHere || wraps), wraps)
    }
    switch (node.type) {
      case "Identifier":
      case "JSXIdentifier": {
        const name = nameOf(node)!
        // `<div>` is no variable, `<Chart>` is one.
        if (node.type === "Identifier" || (/^[A-Z_$]/.test(name) && field !== "property" && parent?.type !== "JSXAttribute")) references.set(node, { name, node, scope })
        return
      }
      case "ThisExpression":
      case "Super": {
        references.set(node, { name: node.type === "Super" ? "super" : "this", node, scope })
        return
      }
      case "MetaProperty": {
        if (nameOf(child(node, "meta")) === "new") references.set(node, { name: "new.target", node, scope })
        return
      }
      case "ImportDeclaration": {
        const from = child(node, "source")?.["value"]
        for (const specifier of list(node, "specifiers")) {
          const name = nameOf(child(specifier, "local"))
          if (name !== undefined) declare(scope, name, "import", specifier, undefined, typeof from === "string" ? from : undefined)
        }
        return
      }
      case "ExportNamedDeclaration":
      case "ExportAllDeclaration": {
        // `export { a } from "b"` uses no variable of this module.
        if (child(node, "source") === undefined) visitChildren(node, scope)
        return
      }
      case "VariableDeclaration": {
        const kind = node["kind"] === "var" || node["kind"] === "let" ? "variable" : "constant"
        const holder = node["kind"] === "var" ? holderOfVar(scope) : scope
        for (const declarator of list(node, "declarations")) {
          const target = child(declarator, "id")
          if (target === undefined) continue
          for (const [name, at] of namesIn(target)) declare(holder, name, kind, declarator, at)
          visitDefaults(target, scope)
          const value = child(declarator, "init")
          if (value !== undefined) visit(value, scope, declarator, "init")
        }
        return
      }
      case "ClassDeclaration":
      case "ClassExpression": {
        const name = nameOf(child(node, "id"))
        if (name !== undefined && node.type === "ClassDeclaration") declare(scope, name, "class", node, child(node, "id"))
        const inner = open(node, scope)
        if (name !== undefined && node.type === "ClassExpression") declare(inner, name, "class", node, child(node, "id"))
        for (const [at, each] of childrenOf(node)) {
          if (at === "body") visitChildren(each, inner)
          else if (at !== "id") visit(each, inner, node, at)
        }
        return
      }
      case "ClassProperty":
      case "ClassPrivateProperty":
      case "ClassAccessorProperty":
      case "StaticBlock": {
        // Runs for each instance; its `this` is the instance.
        for (const [at, each] of childrenOf(node)) {
          if (!isPlainName(node, at)) visit(each, at === "value" || at === "body" ? open(node, scope, { once: false, takesVar: true }) : scope, node, at)
        }
        return
      }
      case "TSEnumDeclaration":
      case "TSModuleDeclaration":
      case "TSImportEqualsDeclaration": {
        const name = nameOf(child(node, "id"))
        if (name !== undefined && !scope.bindings.has(name)) declare(scope, name, "constant", node, child(node, "id"))
        const inner = open(node, scope, { takesVar: true })
        if (node.type === "TSEnumDeclaration") {
          for (const member of list(child(node, "body") ?? node, "members")) declare(inner, nameOf(child(member, "id")) ?? "", "constant", member, child(member, "id"))
        }
        for (const [at, each] of childrenOf(node)) if (at !== "id") visit(each, inner, node, at)
        return
      }
      case "AssignmentExpression": {
        const target = child(node, "left")!
        // `(function (Color) { … })(Color || (Color = {}))`: how an enum is compiled, not a change.
        const isFill = parent?.type === "LogicalExpression" && nameOf(child(parent, "left")) === nameOf(target) && nameOf(target) !== undefined
        if (!isFill) assign(target, scope)
        return visitChildren(node, scope)
      }
      case "UpdateExpression": {
        assign(child(node, "argument")!, scope)
        return visitChildren(node, scope)
      }
      case "CatchClause": {
        const inner = open(node, scope)
        const target = child(node, "param")
        if (target !== undefined) {
          for (const [name, at] of namesIn(target)) declare(inner, name, "constant", node, at)
          visitDefaults(target, inner)
        }
        return visitChildren(child(node, "body")!, inner)
      }
      case "BlockStatement":
      case "SwitchStatement": {
        return visitChildren(node, open(node, scope))
      }
    }
    if (isLoop(node)) {
      const inner = open(node, scope, { once: false, loop: true })
      const target = child(node, "left")
      if (target !== undefined && target.type !== "VariableDeclaration") assign(target, scope)
      return visitChildren(node, inner)
    }
    visitChildren(node, scope)
  }

  /** The expressions inside a pattern that declares names: defaults and computed keys. */
  const visitDefaults = (pattern: Node, scope: Scope): void => {
    const node = unwrap(pattern)
    switch (node.type) {
      case "ObjectPattern":
        for (const property of list(node, "properties")) {
          const key = child(property, "key")
          if (key !== undefined && property["computed"] === true) visit(key, scope, property, "key")
          const value = child(property, "value") ?? child(property, "argument")
          if (value !== undefined) visitDefaults(value, scope)
        }
        return
      case "ArrayPattern":
        for (const element of list(node, "elements")) visitDefaults(element, scope)
        return
      case "AssignmentPattern": {
        visit(child(node, "right")!, scope, node, "right")
        return visitDefaults(child(node, "left")!, scope)
      }
      case "RestElement":
        return visitDefaults(child(node, "argument")!, scope)
    }
  }

  const root = open(program, undefined, { takesVar: true })
  visit(program, root, undefined, "")

  const resolve = (name: string, scope: Scope): Binding | undefined => {
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
      const found = at.bindings.get(name)
      if (found !== undefined) return found
    }
    return undefined
  }
  for (const { name, scope } of assignments) {
    const binding = resolve(name, scope)
    if (binding !== undefined) binding.assigned = true
  }
  return { root, references, declarations, functions, resolve }
}
