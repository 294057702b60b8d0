/**
 * Which declarations of a module change the value of others: `table.push(1)`, `config.rate = 2`, `register(table)`.
 *
 * A step that reaches `table` reaches what fills it, wherever that stands. Reading a value does not count, nor does a
 * call of a method that is known to change nothing; where it cannot be told, it counts.
 */
import { child, childrenOf, isFunction, list, nameOf, type Node, unwrap } from "./ast.ts"
import { importedName, type Item, type ModuleItems } from "./moduleItems.ts"
import type { Binding } from "./scopes.ts"

/** What is changed: a name of the module's own, one that it imports, or something global. */
export type Changed =
  | { readonly kind: "local"; readonly name: string }
  | { readonly kind: "import"; readonly specifier: string; readonly imported: string }
  | { readonly kind: "global"; readonly name: string }

/** How: by assignment, by a method of that name, or by being handed to a function. */
export type How =
  | { readonly kind: "assigned" }
  | { readonly kind: "method"; readonly method: string }
  /** `unknown`: which function that is cannot be told, and it may be one of the project's. */
  | { readonly kind: "argument"; readonly callee: Changed | undefined; readonly index: number; readonly unknown: boolean }

export interface Mutation {
  readonly item: Item
  readonly target: Changed
  readonly how: How
  /** Whether it happens while the module is loaded, not when a function of it is called. */
  readonly atLoad: boolean
  /** Whether it is what a function gives that is changed: `tableOf().push(1)`. */
  readonly given: boolean
}

/** Methods of built-in values that change nothing. */
const harmless = new Set(
  ("at concat endsWith entries every filter find findIndex findLast findLastIndex flat flatMap forEach get has includes indexOf isWellFormed join keys lastIndexOf localeCompare map match matchAll normalize "
    + "padEnd padStart reduce reduceRight repeat replace replaceAll search slice some split startsWith subarray substring toFixed toISOString toJSON toLocaleString toLowerCase toReversed toSorted toSpliced "
    + "toString toUpperCase toWellFormed trim trimEnd trimStart valueOf values with test exec getTime pipe call apply bind union intersection difference isSubsetOf isSupersetOf isDisjointFrom hasOwnProperty then catch finally").split(" ")
)

/** Global functions that change what they are given. */
const changing = new Set(["Object.assign", "Object.defineProperty", "Object.defineProperties", "Object.setPrototypeOf", "Reflect.set", "Reflect.defineProperty", "Reflect.deleteProperty", "Reflect.setPrototypeOf"])

/** Packages whose functions change nothing that they are given: they declare steps and schemas. */
export const ownPackages = /^(?:uniflow|effect|@uniflow\/[^/]+)(?:\/|$)/

/** Methods of built-in values that keep what they are given, and change nothing of it. */
const keeping = new Set("push unshift add set append fill splice delete log info warn error debug assign".split(" "))

export const isHarmlessMethod = (name: string): boolean => harmless.has(name)

/** A parameter that a function hands on. */
export interface Pass {
  readonly parameter: number
  readonly callee: Changed | undefined
  readonly index: number
  readonly unknown: boolean
}

export interface Mutations {
  readonly all: ReadonlyArray<Mutation>
  /** Values that functions hand out. */
  readonly returns: ReadonlyArray<{ readonly item: Item; readonly target: Changed }>
  /** Functions by the parameters (positions) that they change. */
  readonly parameters: ReadonlyMap<Node, ReadonlySet<number>>
  /** Functions by the parameters that they hand on to others. */
  readonly passes: ReadonlyMap<Node, ReadonlyArray<Pass>>
  /** Functions that change `this`. */
  readonly changesThis: ReadonlySet<Node>
  /** What each function changes outside of itself, functions inside of it included. */
  readonly within: ReadonlyMap<Node, ReadonlyArray<Mutation>>
  /** Functions that are called, or given to a call, while the module is loaded. */
  readonly called: ReadonlyArray<{ readonly item: Item; readonly target: Changed }>
  /** Values that a constant is another name for, or holds: `const all = { table }`. */
  readonly holds: ReadonlyArray<{ readonly item: Item; readonly target: Changed }>
}

/** The expression that a chain of members and calls begins with. */
const rootOf = (given: Node): Node => {
  const node = unwrap(given)
  switch (node.type) {
    case "MemberExpression":
    case "OptionalMemberExpression":
      return rootOf(child(node, "object")!)
    case "CallExpression":
    case "OptionalCallExpression":
      return rootOf(child(node, "callee")!)
    case "AwaitExpression":
      return rootOf(child(node, "argument")!)
  }
  return node
}

const isThroughCall = (given: Node): boolean => {
  const node = unwrap(given)
  return node.type === "CallExpression" || node.type === "OptionalCallExpression" || (isMember(node) && isThroughCall(child(node, "object")!)) || (node.type === "AwaitExpression" && isThroughCall(child(node, "argument")!))
}

/** The expressions whose value one may have: both branches of a condition, the elements of a list, the values of an object. */
const alternatives = (node: Node): ReadonlyArray<Node> => {
  switch (node.type) {
    case "ArrayExpression":
      return list(node, "elements").map((each) => each.type === "SpreadElement" ? child(each, "argument")! : each)
    case "ObjectExpression":
      return list(node, "properties").flatMap((each) => child(each, each.type === "SpreadElement" ? "argument" : "value") ?? [])
    case "ConditionalExpression":
      return [child(node, "consequent")!, child(node, "alternate")!]
    case "LogicalExpression":
      return [child(node, "left")!, child(node, "right")!]
    case "SequenceExpression":
      return list(node, "expressions").slice(-1)
    case "AssignmentExpression":
      return [child(node, "right")!]
  }
  return []
}

/** The names and members in a value, however deep in lists and objects. */
function* valuesIn(given: Node): Generator<Node> {
  const node = unwrap(given)
  if (node.type === "Identifier" || isMember(node)) yield node
  else for (const each of alternatives(node)) yield* valuesIn(each)
}

/** `f.call(x, …)` and `f.apply(x, …)` for a method that is read from a member: the method's name. */
const borrowedMethod = (callee: Node): string | undefined => {
  const [by, method] = [nameOf(child(callee, "property")), isMember(callee) ? unwrap(child(callee, "object")!) : undefined]
  return (by === "call" || by === "apply") && method !== undefined && isMember(method) && method["computed"] !== true ? nameOf(child(method, "property")) : undefined
}

const isMember = (node: Node): boolean => node.type === "MemberExpression" || node.type === "OptionalMemberExpression"

const chainOf = (given: Node): string => {
  const node = unwrap(given)
  return isMember(node) && node["computed"] !== true ? `${chainOf(child(node, "object")!)}.${nameOf(child(node, "property"))}` : nameOf(node) ?? "?"
}

/** Reads all that a module changes. */
export const read = (module: ModuleItems): Mutations => {
  const { scopes } = module
  const all: Array<Mutation> = []
  const returns: Array<Mutations["returns"][number]> = []
  const parameters = new Map<Node, Set<number>>()
  const passes = new Map<Node, Array<Pass>>()
  const changesThis = new Set<Node>()
  const within = new Map<Node, Array<Mutation>>()
  const called: Array<Mutations["called"][number]> = []
  const holds: Array<Mutations["holds"][number]> = []
  /** Functions that run where they stand, or may: called at once, or given to a call. */
  const immediate = new Set<Node>()

  const isAtLoad = (functions: ReadonlyArray<Node>): boolean => functions.every((f) => immediate.has(f))
  const add = (mutation: Mutation, functions: ReadonlyArray<Node>): void => {
    all.push(mutation)
    for (const f of functions) within.set(f, [...within.get(f) ?? [], mutation])
  }

  const bindingOf = (node: Node): Binding | undefined => {
    const use = scopes.references.get(node)
    return use === undefined ? undefined : scopes.resolve(use.name, use.scope)
  }
  const namespaceMember = (binding: Binding, chain: Node): string => {
    // `ns.table.push(1)` changes `table`.
    let member = "*"
    for (let at = unwrap(chain); isMember(at); at = unwrap(child(at, "object")!)) member = nameOf(child(at, "property")) ?? "*"
    return binding.node.type === "ImportNamespaceSpecifier" ? member : importedName(binding.node)
  }
  const named = (binding: Binding, chain: Node): Changed | undefined =>
    binding.kind === "import"
      ? binding.from === undefined ? undefined : { kind: "import", specifier: binding.from, imported: namespaceMember(binding, chain) }
      : binding.scope === scopes.root
      ? { kind: "local", name: binding.name }
      : undefined

  /** Notes that a chain's value is changed; goes on from a local variable to what it was made from. */
  const changed = (item: Item, chain: Node, how: How, functions: ReadonlyArray<Node>, seen: ReadonlySet<Binding> = new Set()): void => {
    const root = rootOf(chain)
    const atLoad = isAtLoad(functions)
    if (root.type === "ThisExpression") {
      if (how.kind === "method" && isHarmlessMethod(how.method)) return
      const holder = functions.findLast((f) => f.type !== "ArrowFunctionExpression")
      if (holder !== undefined) changesThis.add(holder)
      return
    }
    if (root.type !== "Identifier") {
      for (const each of alternatives(root)) changed(item, each, how, functions, seen)
      return
    }
    const binding = bindingOf(root)
    if (binding === undefined) {
      if (scopes.references.has(root)) add({ item, target: { kind: "global", name: chainOf(chain) }, how, atLoad, given: false }, functions)
      return
    }
    const target = named(binding, chain)
    if (target !== undefined) add({ item, target, how, atLoad, given: isThroughCall(chain) }, functions)
    if (seen.has(binding)) return
    // A constant of the module may be another name for what it was made from.
    const alias = target === undefined || binding.node.type !== "VariableDeclarator" ? undefined : child(binding.node, "init")
    if (target !== undefined && (alias === undefined || isThroughCall(alias) || how.kind === "argument")) return
    const on = new Set([...seen, binding])
    if (binding.kind === "parameter") {
      if (how.kind === "method" && isHarmlessMethod(how.method)) return
      for (const f of functions) {
        const index = list(f, "params").findIndex((parameter) => parameter.start <= binding.node.start && binding.node.end <= parameter.end)
        if (index < 0) continue
        if (how.kind === "argument") {
          passes.set(f, [...passes.get(f) ?? [], { parameter: index, callee: how.callee, index: how.index, unknown: how.unknown }])
          continue
        }
        parameters.set(f, (parameters.get(f) ?? new Set()).add(index))
        // `table.forEach((row) => { row.x = 1 })` changes what `table` holds.
        const call = callOf.get(f)
        if (call !== undefined) changed(item, call, { kind: "assigned" }, functions.slice(0, functions.indexOf(f)), on)
      }
      return
    }
    const init = binding.node.type === "VariableDeclarator" ? child(binding.node, "init") ?? loopOver.get(binding.node) : undefined
    // `const self = this` is that of the function that it stands in.
    const around = functions.filter((f) => f.start <= binding.node.start && binding.node.end <= f.end)
    if (init !== undefined && how.kind !== "argument") changed(item, init, how.kind === "method" && isHarmlessMethod(how.method) ? how : { kind: "assigned" }, around, on)
  }

  /** Where a function stands as an argument of a method: what the method belongs to. */
  const callOf = new Map<Node, Node>()
  /** What a loop's variable goes over. */
  const loopOver = new Map<Node, Node>()

  /** A global function by its name, where a constant is another name for it: `const { assign } = Object`. */
  const globalName = (callee: Node): string => {
    const binding = callee.type === "Identifier" ? bindingOf(callee) : undefined
    if (binding === undefined) return chainOf(callee).replace(/^(?:globalThis|global)\./, "")
    if (binding.node.type !== "VariableDeclarator" || binding.assigned) return ""
    const [id, init] = [child(binding.node, "id")!, child(binding.node, "init")]
    if (init === undefined || bindingOf(rootOf(init)) !== undefined) return ""
    if (id.type === "Identifier") return chainOf(init)
    const property = list(id, "properties").find((each) => nameOf(child(each, "value")) === binding.name)
    return property === undefined ? "" : `${chainOf(init)}.${nameOf(child(property, "key"))}`
  }

  const call = (item: Item, node: Node, functions: ReadonlyArray<Node>): void => {
    const callee = unwrap(child(node, "callee")!)
    const args = list(node, "arguments")
    const method = isMember(callee) ? callee["computed"] === true ? "?" : nameOf(child(callee, "property")) ?? "?" : undefined
    if (method !== undefined) {
      for (const argument of args) if (isFunction(argument)) callOf.set(argument, child(callee, "object")!)
      changed(item, child(callee, "object")!, { kind: "method", method }, functions)
    }
    const root = rootOf(callee)
    const binding = root.type === "Identifier" ? bindingOf(root) : undefined
    const taken = binding === undefined || callee !== root ? undefined : takenMethod(binding)
    if (taken !== undefined) changed(item, taken.from, { kind: "method", method: taken.method }, functions)
    if (binding?.from !== undefined && ownPackages.test(binding.from)) return
    if (isFunction(callee)) immediate.add(callee)
    for (const argument of args) if (isFunction(unwrap(argument))) immediate.add(unwrap(argument))
    const isGlobal = root.type === "Identifier" && binding === undefined
    const changesFirst = changing.has(globalName(callee))
    const borrowed = borrowedMethod(callee)
    if (borrowed !== undefined && args[0] !== undefined) changed(item, args[0], { kind: "method", method: borrowed }, functions)
    const target: Changed | undefined = binding === undefined ? undefined : callee === root || binding.kind === "import" ? named(binding, callee) : undefined
    // A function that was handed over, or a method of something that was.
    const unknown = binding !== undefined && binding.kind !== "import" && binding.scope !== scopes.root && (method === undefined || !(isHarmlessMethod(method) || keeping.has(method)))
    if (isAtLoad(functions) && target !== undefined) called.push({ item, target })
    for (const [index, argument] of args.entries()) {
      const value = unwrap(argument.type === "SpreadElement" ? child(argument, "argument")! : argument)
      if (value.type === "ThisExpression" && !isGlobal) changed(item, value, { kind: "assigned" }, functions)
      for (const each of valuesIn(value)) {
        if (isAtLoad(functions)) handedOver(item, each)
        if (index === 0 && changesFirst) changed(item, each, { kind: "assigned" }, functions)
        if (!isGlobal && !changesFirst) changed(item, each, { kind: "argument", callee: target, index, unknown }, functions)
      }
    }
  }

  const handedOver = (item: Item, value: Node): void => {
    const binding = value.type === "Identifier" ? bindingOf(value) : undefined
    const target = binding === undefined ? undefined : named(binding, value)
    if (target !== undefined) called.push({ item, target })
  }

  /** A method that was taken from what it belongs to: `const { add } = table`, `const add = table.add`. */
  const takenMethod = ({ assigned, name, node }: Binding): { readonly from: Node; readonly method: string } | undefined => {
    const [id, init] = node.type === "VariableDeclarator" && !assigned ? [child(node, "id")!, child(node, "init")] : []
    if (id === undefined || init === undefined) return undefined
    const value = unwrap(init)
    if (id.type === "ObjectPattern") {
      const property = list(id, "properties").find((each) => nameOf(child(each, "value")) === name)
      const method = property === undefined ? undefined : nameOf(child(property, "key"))
      return method === undefined ? undefined : { from: value, method }
    }
    const bound = value.type === "CallExpression" && nameOf(child(unwrap(child(value, "callee")!), "property")) === "bind" ? unwrap(child(unwrap(child(value, "callee")!), "object")!) : value
    const method = isMember(bound) && bound["computed"] !== true ? nameOf(child(bound, "property")) : undefined
    return method === undefined ? undefined : { from: child(bound, "object")!, method }
  }

  const held = (item: Item): void => {
    const value = item.node.type === "VariableDeclarator" ? child(item.node, "init") : item.runs || isFunction(item.node) ? undefined : item.node
    if (value === undefined || isFunction(unwrap(value))) return
    const made = unwrap(value)
    const maker = made.type === "NewExpression" || made.type === "CallExpression" ? bindingOf(rootOf(child(made, "callee")!)) : undefined
    // What is made of a value may keep it: `new Registry(table)`.
    const kept = maker === undefined || (maker.from !== undefined && ownPackages.test(maker.from)) ? [] : list(made, "arguments").flatMap((each) => [...valuesIn(each)])
    for (const each of [...valuesIn(made), ...kept]) {
      const root = rootOf(each)
      const binding = root.type === "Identifier" && !isThroughCall(each) ? bindingOf(root) : undefined
      const target = binding === undefined ? undefined : named(binding, each)
      if (target !== undefined) holds.push({ item, target })
    }
  }

  const returned = (item: Item, given: Node | undefined): void => {
    const value = given === undefined ? undefined : unwrap(given)
    if (value === undefined || isThroughCall(value)) return
    const root = rootOf(value)
    const binding = root.type === "Identifier" ? bindingOf(root) : undefined
    const target = binding === undefined ? undefined : named(binding, value)
    if (target !== undefined) returns.push({ item, target })
  }

  const visit = (item: Item, node: Node, functions: ReadonlyArray<Node>): void => {
    switch (node.type) {
      case "ReturnStatement":
        returned(item, child(node, "argument"))
        break
      case "ArrowFunctionExpression":
        returned(item, child(node, "body"))
        break
      case "AssignmentExpression":
        assigned(item, child(node, "left")!, functions)
        break
      case "UpdateExpression":
        assigned(item, child(node, "argument")!, functions)
        break
      case "UnaryExpression":
        if (node["operator"] === "delete") assigned(item, child(node, "argument")!, functions)
        break
      case "ForOfStatement":
      case "ForInStatement": {
        const left = child(node, "left")
        if (left?.type === "VariableDeclaration") for (const declarator of list(left, "declarations")) loopOver.set(declarator, child(node, "right")!)
        else if (left !== undefined) assigned(item, left, functions)
        break
      }
      case "CallExpression":
      case "OptionalCallExpression":
      case "NewExpression":
        call(item, node, functions)
        break
    }
    const inner = isFunction(node) ? [...functions, node] : functions
    for (const [, each] of childrenOf(node)) visit(item, each, inner)
  }

  const assigned = (item: Item, given: Node, functions: ReadonlyArray<Node>): void => {
    const target = unwrap(given)
    switch (target.type) {
      case "ObjectPattern":
        for (const property of list(target, "properties")) assigned(item, child(property, property.type === "RestElement" ? "argument" : "value")!, functions)
        return
      case "ArrayPattern":
        for (const element of list(target, "elements")) assigned(item, element, functions)
        return
      case "AssignmentPattern":
        return assigned(item, child(target, "left")!, functions)
      case "RestElement":
        return assigned(item, child(target, "argument")!, functions)
      case "Identifier": {
        // A variable of a function that gets another value changes nothing outside of it.
        const binding = bindingOf(target)
        if (binding === undefined || binding.scope === scopes.root) changed(item, target, { kind: "assigned" }, functions)
        return
      }
    }
    changed(item, target, { kind: "assigned" }, functions)
  }

  for (const item of module.items) {
    held(item)
    visit(item, item.node, [])
  }
  return { all, returns, parameters, passes, changesThis, within, called, holds }
}
