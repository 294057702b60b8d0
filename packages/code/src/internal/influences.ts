/**
 * What changes a value that a step reaches, without being reached from it: statements that fill a table or register a
 * handler, in whichever file of the project they stand, and whoever calls a function that does so.
 */
import { basename, extname } from "node:path"
import { child, isFunction, list, nameOf, type Node, unwrap } from "./ast.ts"
import { sourceExtensions } from "./imports.ts"
import type { Item, ModuleItems } from "./moduleItems.ts"
import { type Changed, isHarmlessMethod, type Mutation, ownPackages } from "./mutations.ts"
import type { Found, Project } from "./project.ts"

export interface Influence {
  readonly module: ModuleItems
  readonly item: Item
}

/** One that reaches further than values of the project; `package`: what it changes, where that is no global. */
interface Global extends Influence {
  readonly package: string | undefined
}

/** A text in which something global, or a package, may be changed. */
const mayBeGlobal = /\b(?:globalThis|global|prototype|process\.env|Object\.(?:assign|define|setProto)|Reflect\.)|^(?:await )?[\w$]+(?:\.[\w$]+)+\(|(?<![\w$.])(?!this\b)[A-Za-z_$][\w$]*(?:\.[\w$]+|\[[^\]\n]+\])+\s*(?:[-+*/%|&^?]|\|\||&&|\?\?)?=(?![=>])/m

const wordPattern = /[\w$]+/g

type Items = Extract<Found, { readonly kind: "items" }>

/** What a declaration's value is, as far as it decides whether a call changes it. */
const valueOf = (item: Item): Node | undefined => {
  if (item.node.type !== "VariableDeclarator") return item.node
  const init = child(item.node, "init")
  const value = init === undefined ? undefined : unwrap(init)
  return value?.type === "AwaitExpression" ? unwrap(child(value, "argument")!) : value
}

const isClass = (node: Node): boolean => node.type === "ClassDeclaration" || node.type === "ClassExpression"

const isFixed = (node: Node): boolean =>
  isFunction(node) || /^(?:String|Numeric|Boolean|Null|BigInt|RegExp)Literal$|^TemplateLiteral$|^TSEnumDeclaration$|^UnaryExpression$|^BinaryExpression$/.test(node.type)

const functionIn = (value: Node, method: string): Node | undefined => {
  for (const property of value.type === "ObjectExpression" ? list(value, "properties") : list(child(value, "body") ?? value, "body")) {
    if (nameOf(child(property, "key")) !== method || property["computed"] === true) continue
    if (isFunction(property)) return property
    const inner = child(property, "value")
    return inner !== undefined && isFunction(unwrap(inner)) ? unwrap(inner) : undefined
  }
  // `api.users.list()`: in an object of objects.
  for (const property of value.type === "ObjectExpression" ? list(value, "properties") : []) {
    const inner = child(property, "value")
    const found = inner === undefined || unwrap(inner).type !== "ObjectExpression" ? undefined : functionIn(unwrap(inner), method)
    if (found !== undefined) return found
  }
  return undefined
}

/** Looks for influences in a project's files, given by their paths. */
export const make = (project: Project, files: ReadonlyArray<string>) => {
  const sources = files.filter((path) => sourceExtensions.has(extname(path)))
  const changes = new Map<Item, ReadonlyArray<Influence>>()
  const uses = new Map<Item, ReadonlyArray<Influence>>()
  const globals = new Map<string, ReadonlyArray<Global>>()
  let words: Map<string, Array<string>> | undefined

  /** The files that a word stands in. */
  const filesWith = (word: string): ReadonlyArray<string> => {
    if (words === undefined) {
      words = new Map()
      for (const path of sources) {
        for (const each of new Set(project.textOf(path)?.match(wordPattern))) {
          const known = words.get(each)
          if (known === undefined) words.set(each, [path])
          else known.push(path)
        }
      }
    }
    return words.get(word) ?? []
  }

  const rootBinding = (module: ModuleItems, callee: Node): Found | "global" | undefined => {
    let root = unwrap(callee)
    while (root.type === "MemberExpression" || root.type === "CallExpression") root = unwrap((child(root, "object") ?? child(root, "callee"))!)
    const use = module.scopes.references.get(root)
    if (use === undefined) return undefined
    const binding = module.scopes.resolve(use.name, use.scope)
    if (binding === undefined) return "global"
    if (binding.kind === "import" && binding.from !== undefined && ownPackages.test(binding.from)) return { kind: "runtime", name: binding.from }
    return binding.scope === module.scopes.root ? project.local(module, binding.name) : undefined
  }

  /** Whether a function changes the parameter at a position, itself or through those that it hands it to. */
  const changesParameter = (module: ModuleItems, node: Node, index: number, depth = 0): boolean => {
    const mutations = project.mutations(module)
    if (mutations.parameters.get(node)?.has(index) === true || depth > 6) return true
    return (mutations.passes.get(node) ?? []).some((pass) => pass.parameter === index && calleeChanges(module, pass.callee, pass.index, pass.unknown, depth + 1))
  }

  /** Whether a function changes something of the project besides its parameters and `this`, itself or through those that it calls. */
  const changesOuter = (module: ModuleItems, node: Node, seen: Set<Node> = new Set()): boolean => {
    if (seen.has(node)) return false
    seen.add(node)
    for (const mutation of project.mutations(module).within.get(node) ?? []) {
      if (mutation.target.kind === "global") continue
      const found = project.changed(module, mutation.target)
      if (found.kind !== "items") continue
      if (!(mutation.how.kind === "method" && isHarmlessMethod(mutation.how.method)) && counts(mutation, module, found, seen)) return true
    }
    for (const { name, node: use, scope } of module.scopes.references.values()) {
      if (use.start < node.start || use.end > node.end) continue
      const binding = module.scopes.resolve(name, scope)
      if (binding === undefined || binding.scope !== module.scopes.root) continue
      const found = project.local(module, binding.name)
      if (found.kind !== "items" || found.items.length !== 1) continue
      const value = valueOf(found.items[0]!)
      if (value !== undefined && isFunction(value) && changesOuter(found.module, value, seen)) return true
    }
    return false
  }

  const methodChanges = (module: ModuleItems, method: Node, seen?: Set<Node>): boolean => project.mutations(module).changesThis.has(method) || changesOuter(module, method, seen)

  const calleeChanges = (module: ModuleItems, callee: Changed | undefined, index: number, otherwise: boolean, depth: number): boolean => {
    if (callee === undefined || callee.kind === "global") return otherwise
    const found = project.changed(module, callee)
    if (found.kind !== "items") return otherwise
    return found.items.some((item) => {
      const value = valueOf(item)
      if (value !== undefined && isFunction(value)) return changesParameter(found.module, value, index, depth)
      if (value === undefined || !isClass(value)) return otherwise
      const made = list(child(value, "body") ?? value, "body").find((member) => member["kind"] === "constructor")
      return child(value, "superClass") !== undefined || (made !== undefined && changesParameter(found.module, made, index, depth))
    })
  }

  const counts = (mutation: Mutation, by: ModuleItems, { items, module }: Items, seen?: Set<Node>): boolean => {
    const { how } = mutation
    if (how.kind === "assigned") return true
    const value = items.length === 1 ? valueOf(items[0]!) : undefined
    const method = how.kind === "method" && value !== undefined ? methodOf(module, value, how.method) : undefined
    if (method !== undefined) return methodChanges(method.module, method.node, seen)
    if (how.kind === "method" && isHarmlessMethod(how.method)) return false
    if (value === undefined) return true
    if (isFixed(value)) return false
    if (how.kind === "argument") return !isClass(value) && calleeChanges(by, how.callee, how.index, mutation.atLoad || how.unknown, 0)
    if (isClass(value)) {
      return list(child(value, "body") ?? value, "body").some((member) => member.type === "StaticBlock" || (member["static"] === true && !isFunction(member)))
    }
    if (value.type === "NewExpression" || value.type === "CallExpression") {
      const root = rootBinding(module, child(value, "callee")!)
      // What a package made: what a module does to it as it is loaded counts, not each use.
      if (root !== "global" && (root?.kind === "package" || root?.kind === "runtime")) return mutation.atLoad && mutation.item.runs
    }
    return true
  }

  /** A method of the project's own: of an object as it is written, or of a class that an instance is made of. */
  const methodOf = (module: ModuleItems, value: Node, name: string): { readonly module: ModuleItems; readonly node: Node } | undefined => {
    if (value.type === "ObjectExpression") {
      const node = functionIn(value, name)
      return node === undefined ? undefined : { module, node }
    }
    if (value.type !== "NewExpression") return undefined
    const root = rootBinding(module, child(value, "callee")!)
    if (root === undefined || root === "global" || root.kind !== "items" || root.items.length !== 1) return undefined
    const made = valueOf(root.items[0]!)
    const node = made === undefined || !isClass(made) || child(made, "superClass") !== undefined ? undefined : functionIn(made, name)
    return node === undefined ? undefined : { module: root.module, node }
  }

  /** Files in which something may be called by one of these names. */
  const mentioning = (module: ModuleItems, names: ReadonlyArray<string>): ReadonlyArray<string> => {
    const words = new Set(names)
    for (const [name, known] of module.exports) if ("local" in known && names.includes(known.local)) words.add(name)
    // A default import has any name; what it is imported from has not.
    if (words.has("default") || [...module.exports].some(([name, known]) => name === "default" && "local" in known && names.includes(known.local))) words.add(basename(module.path, extname(module.path)))
    // A file's name may be of several words: files with all of them.
    const found = [...words].flatMap((word) => {
      const [first = "", ...others] = word.match(wordPattern) ?? []
      return filesWith(first).filter((path) => others.every((other) => filesWith(other).includes(path)))
    })
    return [...new Set([module.path, ...found])]
  }

  const isSame = (found: Found, { items, module }: Items): boolean => found.kind === "items" && found.module === module && found.items.some((item) => items.includes(item))

  /** Declarations and statements that change what a name stands for. */
  const changing = (target: Items): ReadonlyArray<Influence> => {
    const value = target.items.length === 1 ? valueOf(target.items[0]!) : undefined
    const assignable = value !== undefined && isFixed(value)
    // Primitives cannot be changed, and are what most constants are.
    if (assignable && !isFunction(value) && target.items[0]!.node.type === "VariableDeclarator") return []
    const known = changes.get(target.items[0]!)
    if (known !== undefined) return known
    changes.set(target.items[0]!, [])
    const made = mentioning(target.module, target.items.flatMap(({ names }) => names)).flatMap((path) => {
      const module = project.open(path)
      if (module === undefined) return []
      const found = project.mutations(module).all.filter((mutation) =>
        mutation.target.kind !== "global" && !target.items.includes(mutation.item) && isSame(project.changed(module, mutation.target), target) && counts(mutation, module, target))
      const handed = project.mutations(module).returns
        .filter((each) => each.target.kind !== "global" && isCallable(each.item) && !target.items.includes(each.item) && isSame(project.changed(module, each.target), target))
        .flatMap(({ item }) => givenBy(module, item))
      // What another constant holds is changed through that one, too.
      const holders = assignable ? [] : project.mutations(module).holds
        .filter((each) => each.target.kind !== "global" && !target.items.includes(each.item) && isSame(project.changed(module, each.target), target))
        .flatMap(({ item }) => changing({ kind: "items", module, name: item.name, items: [item] }).filter((each) => !target.items.includes(each.item)))
      return [...[...new Set(found.map(({ item }) => item))].map((item) => ({ module, item })), ...handed, ...holders]
    })
    changes.set(target.items[0]!, made)
    return made
  }

  /** Declarations and statements that change what a function gives. */
  const givenBy = (module: ModuleItems, item: Item): ReadonlyArray<Influence> => {
    const target: Items = { kind: "items", module, name: item.name, items: [item] }
    return using(module, item).filter((use) =>
      project.mutations(use.module).all.some((mutation) =>
        mutation.item === use.item && mutation.given && mutation.target.kind !== "global" && !(mutation.how.kind === "method" && isHarmlessMethod(mutation.how.method))
        && isSame(project.changed(use.module, mutation.target), target)))
  }

  /** Declarations and statements that mention a function. */
  const using = (module: ModuleItems, item: Item): ReadonlyArray<Influence> => {
    const known = uses.get(item)
    if (known !== undefined) return known
    const target: Items = { kind: "items", module, name: item.name, items: [item] }
    const made = mentioning(module, item.names).flatMap((path) => {
      const other = project.open(path)
      if (other === undefined) return []
      return other.items.filter((each) =>
        each !== item && other.print(each).pieces.some((piece) => typeof piece !== "string" && piece.kind !== "place" && isSame(project.find(other, piece), target)))
        .map((each) => ({ module: other, item: each }))
    })
    uses.set(item, made)
    return made
  }

  /** Statements of a module that change something global, or a package, as it is loaded. */
  const global = (path: string, isReached: (name: string) => boolean): ReadonlyArray<Influence> => {
    const known = globals.get(path) ?? globalsIn(path)
    globals.set(path, known)
    return known.filter((each) => each.package === undefined || isReached(each.package))
  }

  const globalsIn = (path: string): ReadonlyArray<Global> => {
    if (!mayBeGlobal.test(project.textOf(path) ?? "")) return []
    const module = project.open(path)
    if (module === undefined) return []
    return project.mutations(module).all.flatMap(({ atLoad, how, item, target }): ReadonlyArray<Global> => {
      const runs = atLoad && !isCallable(item)
      if (target.kind === "global") {
        if (how.kind !== "assigned" || /^(?:module|exports)\b/.test(target.name)) return []
        return runs || (isCallable(item) && isCalledAtLoad(module, item)) ? [{ module, item, package: undefined }] : []
      }
      if (!runs || !item.runs || target.kind !== "import" || ownPackages.test(target.specifier) || (how.kind === "method" && isHarmlessMethod(how.method))) return []
      const at = project.changed(module, target)
      return at.kind === "package" ? [{ module, item, package: at.package.name }] : []
    })
  }

  /** Whether some module calls a function as it is loaded, or hands it to a call, itself or through others. */
  const isCalledAtLoad = (module: ModuleItems, item: Item, seen = new Set<Item>()): boolean => {
    if (seen.has(item)) return false
    seen.add(item)
    const target: Items = { kind: "items", module, name: item.name, items: [item] }
    return using(module, item).some((use) =>
      isCallable(use.item)
        ? isCalledAtLoad(use.module, use.item, seen)
        : project.mutations(use.module).called.some((each) => each.item === use.item && each.target.kind !== "global" && isSame(project.changed(use.module, each.target), target)))
  }

  /**
   * Whether what a statement does may show elsewhere than in values of the project: it uses a package, or changes something
   * global. What it does to values of the project is found from those.
   */
  const isFarReaching = ({ item, module }: Influence): boolean => {
    const seen = new Set<Item>([item])
    const waiting: Array<Influence> = [{ module, item }]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { item: at, module: from } = next
      if (project.mutations(from).all.some((mutation) => mutation.item === at && mutation.target.kind === "global" && mutation.how.kind === "assigned")) return true
      for (const piece of from.print(at).pieces) {
        if (typeof piece === "string" || piece.kind === "place") continue
        const found = project.find(from, piece)
        if (found.kind === "module" || found.kind === "unseen" || (found.kind === "package" && !ownPackages.test(found.package.name))) return true
        for (const each of found.kind === "items" ? found.items : []) {
          if (seen.has(each) || found.kind !== "items") continue
          seen.add(each)
          waiting.push({ module: found.module, item: each })
        }
      }
    }
    return false
  }

  /**
   * Where something in a declaration changes a value, those who may make it do so: who mentions a function, a class or what was made by
   * a call; of an object that is written out, and of an instance, who calls a method that changes something.
   */
  const causing = (module: ModuleItems, item: Item): ReadonlyArray<Influence> => {
    if (item.runs) return []
    if (isCallable(item)) return using(module, item)
    const value = valueOf(item)
    if (value === undefined || isStep(module, value)) return []
    const changes = changing({ kind: "items", module, name: item.name, items: [item] })
    return value.type === "ObjectExpression" || value.type === "NewExpression" ? changes : [...changes, ...using(module, item)]
  }

  const isStep = (module: ModuleItems, value: Node): boolean => {
    const root = value.type === "CallExpression" ? rootBinding(module, child(value, "callee")!) : undefined
    return root !== undefined && root !== "global" && (root.kind === "runtime" || root.kind === "package") && (root.kind === "runtime" ? ownPackages.test(root.name) : ownPackages.test(root.package.name))
  }

  return { changing, causing, global, isFarReaching }
}

/** Whether a declaration is a function, which does something only where it is called. */
export const isCallable = (item: Item): boolean => {
  const value = item.runs ? undefined : valueOf(item)
  return value !== undefined && isFunction(value)
}

export type Influences = ReturnType<typeof make>
