/**
 * A module as its top-level declarations and statements, each with what it refers to and written so that comments,
 * formatting, types and the names of its own variables do not count.
 */
import { child, childrenOf, isFunction, isPlainName, list, nameOf, type Node, unwrap } from "./ast.ts"
import { type Binding, readScopes, type Scopes } from "./scopes.ts"

/** What a declaration refers to outside of itself. */
export type Ref =
  | { readonly kind: "local"; readonly name: string }
  /** `imported` is `*` for all of the module, its namespace. */
  | { readonly kind: "import"; readonly specifier: string; readonly imported: string; readonly optional?: true }
  /** A file next to the module: `new URL("./a.txt", import.meta.url)`. */
  | { readonly kind: "file"; readonly specifier: string }
  /** Where the module lies: `import.meta.url`, `__dirname`. */
  | { readonly kind: "place" }

export type Piece = string | Ref

/** A top-level declaration, or a statement that a module runs. */
export interface Item {
  readonly index: number
  readonly name: string
  readonly names: ReadonlyArray<string>
  readonly node: Node
  /** The statement that it stands in: what is shown of it. */
  readonly statement: Node
  readonly runs: boolean
}

/** What a declaration is made of. */
export interface Printed {
  readonly pieces: ReadonlyArray<Piece>
  /** What keeps it from being seen whole. */
  readonly unseen: string | undefined
  /** Whether it reads a property `name`: names of functions may count then. */
  readonly readsName: boolean
}

export type Export = { readonly local: string } | { readonly from: string; readonly imported: string }

/** A module that was read. */
export interface ModuleItems {
  readonly path: string
  readonly source: string
  readonly program: Node
  readonly scopes: Scopes
  readonly items: ReadonlyArray<Item>
  /** Declarations by the names that they declare. */
  readonly declared: ReadonlyMap<string, ReadonlyArray<Item>>
  readonly exports: ReadonlyMap<string, Export>
  readonly stars: ReadonlyArray<string>
  /** Modules that are imported, for what they do or for what they give. */
  readonly imports: ReadonlyArray<string>
  /** Modules that are imported for what they do alone. */
  readonly sideEffects: ReadonlyArray<string>
  /** Whether it is CommonJS, or a script: nothing is imported or exported by syntax, so it counts as one whole. */
  readonly common: boolean
  readonly print: (item: Item) => Printed
  readonly printNode: (node: Node) => Printed
}

const text = (node: Node | undefined): string | undefined => {
  if (node?.type === "StringLiteral" && typeof node["value"] === "string") return node["value"]
  if (node?.type === "TemplateLiteral" && list(node, "expressions").length === 0) {
    const value = list(node, "quasis")[0]?.["value"] as { readonly cooked?: string } | undefined
    return value?.cooked
  }
  return undefined
}

const nameText = (node: Node | undefined): string => nameOf(node) ?? text(node) ?? ""

export function* patternNames(pattern: Node): Generator<string> {
  const node = unwrap(pattern)
  switch (node.type) {
    case "Identifier":
      yield nameOf(node)!
      return
    case "ObjectPattern":
      for (const property of list(node, "properties")) {
        const value = child(property, property.type === "RestElement" ? "argument" : "value")
        if (value !== undefined) yield* patternNames(value)
      }
      return
    case "ArrayPattern":
      for (const element of list(node, "elements")) yield* patternNames(element)
      return
    case "AssignmentPattern":
    case "RestElement": {
      const inner = child(node, "left") ?? child(node, "argument")
      if (inner !== undefined) yield* patternNames(inner)
    }
  }
}

const isTypes = (node: Node): boolean =>
  node["declare"] === true || node["importKind"] === "type" || node["exportKind"] === "type"
  || (node.type.startsWith("TS") && !["TSEnumDeclaration", "TSModuleDeclaration", "TSImportEqualsDeclaration", "TSExportAssignment"].includes(node.type))

/** What a statement is called: how it begins. */
const shortened = (written: string): string => {
  const line = written.replace(/\s+/g, " ")
  return line.length > 50 ? `${line.slice(0, 50)}…` : line
}

/** Takes a module's tree apart. */
export const make = (path: string, source: string, program: Node): ModuleItems => {
  const scopes = readScopes(program)
  const items: Array<Item> = []
  const declared = new Map<string, Array<Item>>()
  const exports = new Map<string, Export>()
  const stars: Array<string> = []
  const imports = new Set<string>()
  const sideEffects: Array<string> = []
  let isModule = false

  const add = (name: string, names: ReadonlyArray<string>, node: Node, statement: Node, runs = false): Item => {
    const item: Item = { index: items.length, name, names, node, statement, runs }
    items.push(item)
    // A function and a namespace of the same name are one thing.
    for (const each of names) declared.set(each, [...declared.get(each) ?? [], item])
    return item
  }

  const declare = (node: Node, statement: Node): ReadonlyArray<string> => {
    if (isTypes(node)) return []
    switch (node.type) {
      case "FunctionDeclaration":
      case "ClassDeclaration":
      case "TSEnumDeclaration":
      case "TSModuleDeclaration":
      case "TSImportEqualsDeclaration": {
        const name = nameOf(child(node, "id")) ?? ""
        add(name, [name], node, statement)
        return [name]
      }
      case "VariableDeclaration":
        return list(node, "declarations").flatMap((declarator) => {
          const names = [...patternNames(child(declarator, "id")!)]
          add(names.join(", "), names, declarator, list(node, "declarations").length === 1 ? statement : declarator)
          return names
        })
    }
    return []
  }

  const statement = (node: Node): void => {
    switch (node.type) {
      case "EmptyStatement":
        return
      case "ImportDeclaration": {
        isModule = true
        const from = text(child(node, "source"))
        if (from === undefined || node["importKind"] === "type") return
        const specifiers = list(node, "specifiers")
        if (specifiers.length === 0) sideEffects.push(from)
        if (specifiers.length === 0 || specifiers.some((each) => each["importKind"] !== "type")) imports.add(from)
        return
      }
      case "ExportAllDeclaration": {
        isModule = true
        const from = text(child(node, "source"))
        if (from === undefined || node["exportKind"] === "type") return
        imports.add(from)
        stars.push(from)
        return
      }
      case "ExportDefaultDeclaration": {
        isModule = true
        const value = child(node, "declaration")
        if (value === undefined || isTypes(value)) return
        if (value.type === "Identifier") {
          exports.set("default", { local: nameOf(value)! })
          return
        }
        const name = nameOf(child(value, "id"))
        add(name ?? "default", [name ?? "default"], value, node)
        exports.set("default", { local: name ?? "default" })
        return
      }
      case "ExportNamedDeclaration": {
        isModule = true
        if (node["exportKind"] === "type") return
        const declaration = child(node, "declaration")
        if (declaration !== undefined) for (const name of declare(declaration, node)) exports.set(name, { local: name })
        const from = text(child(node, "source"))
        if (from !== undefined) imports.add(from)
        for (const specifier of list(node, "specifiers")) {
          if (specifier["exportKind"] === "type") continue
          const name = nameText(child(specifier, "exported"))
          if (from === undefined) exports.set(name, { local: nameText(child(specifier, "local")) })
          else exports.set(name, { from, imported: specifier.type === "ExportNamespaceSpecifier" ? "*" : nameText(child(specifier, "local")) })
        }
        return
      }
      case "FunctionDeclaration":
      case "ClassDeclaration":
      case "VariableDeclaration":
      case "TSEnumDeclaration":
      case "TSModuleDeclaration":
      case "TSImportEqualsDeclaration":
        declare(node, node)
        return
      default:
        if (!isTypes(node)) add(shortened(source.slice(node.start, node.end)), [], node, node, true)
    }
  }
  for (const node of list(program, "body")) statement(node)

  const printed = new Map<Item, Printed>()
  const printNode = (node: Node): Printed => print(node, scopes)
  return {
    path,
    source,
    program,
    scopes,
    items,
    declared,
    exports,
    stars,
    imports: [...imports],
    sideEffects,
    common: !isModule,
    printNode,
    print: (item) => {
      const known = printed.get(item)
      if (known !== undefined) return known
      const made = printNode(item.node)
      printed.set(item, made)
      return made
    }
  }
}

/** What an import's binding stands for in the module that it comes from. */
export const importedName = (specifier: Node): string => {
  if (specifier.type === "ImportNamespaceSpecifier") return "*"
  if (specifier.type === "ImportDefaultSpecifier") return "default"
  return nameText(child(specifier, "imported"))
}

/** Fields that are places, types or the way something was written. */
const unwritten = new Set([
  "type", "start", "end", "name", "definite", "accessibility", "readonly", "override", "abstract", "declare", "shorthand", "importKind", "exportKind", "optional", "raw"
])

const isInside = (node: Node, root: Node): boolean => node.start >= root.start && node.end <= root.end

const print = (root: Node, scopes: Scopes): Printed => {
  const pieces: Array<Piece> = []
  const numbers = new Map<Binding | string, number>()
  let unseen: string | undefined
  let readsName = false

  const numberOf = (binding: Binding | string): string => {
    const known = numbers.get(binding) ?? numbers.size
    numbers.set(binding, known)
    return `v${known}`
  }
  const cannot = (node: Node, why: string): void => void (unseen ??= `${why} (line ${node.loc.start.line})`)
  const isGlobal = (node: Node | undefined, name: string): boolean => {
    const use = node === undefined ? undefined : scopes.references.get(node)
    return use !== undefined && use.name === name && scopes.resolve(name, use.scope) === undefined
  }
  const importOf = (node: Node): Binding | undefined => {
    const use = scopes.references.get(node)
    const binding = use === undefined ? undefined : scopes.resolve(use.name, use.scope)
    return binding?.kind === "import" ? binding : undefined
  }
  /** `require`, or what `createRequire(import.meta.url)` gave. */
  const isRequire = (node: Node | undefined): boolean => {
    if (node === undefined || isGlobal(node, "require")) return node !== undefined
    const use = scopes.references.get(node)
    const binding = use === undefined ? undefined : scopes.resolve(use.name, use.scope)
    const made = use === undefined ? node : binding?.node.type === "VariableDeclarator" && !binding.assigned ? child(binding.node, "init") : undefined
    const call = made === undefined ? undefined : unwrap(made)
    const creator = call?.type === "CallExpression" ? unwrap(child(call, "callee")!) : undefined
    const from = creator === undefined ? undefined : importOf(creator.type === "MemberExpression" ? unwrap(child(creator, "object")!) : creator)
    return from?.from !== undefined && /^(?:node:)?module$/.test(from.from)
      && (creator!.type === "MemberExpression" ? nameOf(child(creator!, "property")) : importedName(from.node)) === "createRequire"
  }
  const isMetaUrl = (node: Node | undefined): boolean =>
    node?.type === "MemberExpression" && child(node, "object")?.type === "MetaProperty" && nameOf(child(node, "property")) === "url"

  const name = (node: Node): void => {
    const use = scopes.references.get(node)
    const binding = use === undefined ? scopes.declarations.get(node) : use.name === "this" || use.name === "super" || use.name === "new.target" ? undefined : scopes.resolve(use.name, use.scope)
    if (binding === undefined) {
      const written = nameOf(node) ?? ""
      if (written === "eval" && use !== undefined) cannot(node, "it uses `eval`")
      if ((written === "__dirname" || written === "__filename") && use !== undefined) pieces.push({ kind: "place" })
      if (written === "require" && use !== undefined) cannot(node, "it uses `require` otherwise than with a literal")
      pieces.push(JSON.stringify(written))
    } else if (binding.scope !== scopes.root) {
      if (!isInside(binding.scope.node, root)) cannot(node, `it uses \`${binding.name}\`, which a block around it declares`)
      pieces.push(numberOf(binding))
    }
    else if (binding.kind !== "import") pieces.push({ kind: "local", name: binding.name })
    else if (binding.from === undefined) cannot(node, `what \`${binding.name}\` is imported from cannot be seen`)
    else pieces.push({ kind: "import", specifier: binding.from, imported: importedName(binding.node) })
  }

  const write = (given: Node): void => {
    const node = unwrap(given)
    switch (node.type) {
      case "EmptyStatement":
        return
      case "Directive":
        if (child(node, "value")?.["value"] === "use strict") return
        break
      case "Identifier":
        return name(node)
      case "JSXIdentifier":
        return scopes.references.has(node) ? name(node) : void pieces.push(JSON.stringify(nameOf(node)))
      case "ImportExpression": {
        const from = text(child(node, "source"))
        if (from === undefined) return cannot(node, "it imports something that is no literal")
        pieces.push("import(", { kind: "import", specifier: from, imported: "*" }, ")")
        return
      }
      case "TSImportEqualsDeclaration":
      case "TSExportAssignment":
        return cannot(node, "it uses `import x = require(…)`")
      case "MetaProperty":
        if (nameOf(child(node, "meta")) === "import") pieces.push({ kind: "place" })
        break
      case "CallExpression": {
        const callee = child(node, "callee")
        if (isRequire(callee === undefined ? undefined : unwrap(callee))) {
          const from = text(list(node, "arguments")[0])
          if (from === undefined) return cannot(node, "it requires something that is no literal")
          pieces.push("require(", { kind: "import", specifier: from, imported: "*" }, ")")
          return
        }
        const object = callee === undefined ? undefined : child(callee, "object")
        if (object?.type === "MetaProperty" && nameOf(child(callee!, "property")) === "resolve") {
          const from = text(list(node, "arguments")[0])
          if (from === undefined) return cannot(node, "it resolves something that is no literal")
          pieces.push("resolve(", { kind: "file", specifier: from }, ")")
          return
        }
        if (object?.type === "MetaProperty" && ["glob", "globEager"].includes(nameOf(child(callee!, "property")) ?? "")) return cannot(node, "it uses `import.meta.glob`")
        break
      }
      case "NewExpression": {
        const [first, second] = list(node, "arguments")
        const from = text(first)
        if (from !== undefined && isGlobal(child(node, "callee"), "URL") && isMetaUrl(second)) {
          pieces.push("new URL(", { kind: "file", specifier: from }, ")")
          return
        }
        break
      }
      case "MemberExpression":
      case "OptionalMemberExpression": {
        if (text(child(node, "property")) === "name") readsName = true
        if (node["computed"] === true) break
        const property = nameOf(child(node, "property"))
        if (property === "name") readsName = true
        const binding = property === undefined ? undefined : importOf(unwrap(child(node, "object")!))
        if (binding?.from !== undefined && binding.node.type === "ImportNamespaceSpecifier") {
          pieces.push({ kind: "import", specifier: binding.from, imported: property! })
          return
        }
        break
      }
      case "JSXMemberExpression": {
        const binding = importOf(child(node, "object")!)
        const property = nameOf(child(node, "property"))
        if (binding?.from !== undefined && property !== undefined && binding.node.type === "ImportNamespaceSpecifier") {
          pieces.push({ kind: "import", specifier: binding.from, imported: property })
          return
        }
        break
      }
      case "JSXElement":
      case "JSXFragment":
        pieces.push({ kind: "import", specifier: "react/jsx-runtime", imported: "*", optional: true })
        break
      case "ObjectPattern":
        if (list(node, "properties").some((property) => nameOf(child(property, "key")) === "name")) readsName = true
        break
      case "ImportDeclaration":
      case "ExportAllDeclaration":
        return
    }
    pieces.push(node.type, "(")
    const isClass = node.type === "ClassDeclaration" || node.type === "ClassExpression"
    for (const field of Object.keys(node)) {
      const value = node[field]
      if (typeof value === "object" || value === undefined || value === false || unwritten.has(field)) continue
      pieces.push(field, "=", typeof value === "bigint" ? `${value}n` : JSON.stringify(value) ?? "", ";")
    }
    if (node["optional"] === true && node.type.startsWith("Optional")) pieces.push("?")
    if (node.type === "TemplateElement") pieces.push(JSON.stringify((node["value"] as { readonly raw?: unknown }).raw))
    if (node.type === "ThisExpression" || node.type === "Super") pieces.push("^")
    // `[, a]` is not `[a]`.
    const elements = node["elements"]
    if (Array.isArray(elements) && elements.includes(null)) pieces.push("holes ", elements.flatMap((each, i) => each === null ? [i] : []).join())
    // `constructor(readonly rate: number)` names a field.
    if (node.type === "TSParameterProperty") pieces.push("field ", ...patternNames(child(node, "parameter")!))
    if (isClass) pieces.push("class ", nameOf(child(node, "id")) ?? "")
    if (node.type === "PrivateName" || node.type === "JSXNamespacedName") pieces.push(JSON.stringify(nameOf(child(node, "id")) ?? nameOf(child(node, "name"))))
    for (const [field, each] of childrenOf(node)) {
      // A declaration's own name is what others know it by.
      if (field === "id" && (isClass || (node === root && (isFunction(node) || node.type === "VariableDeclarator") && each.type === "Identifier") || node.type === "PrivateName")) continue
      pieces.push(field, ":")
      if (isPlainName(node, field) && each.type === "Identifier") pieces.push(JSON.stringify(nameOf(each)))
      else write(each)
      pieces.push(",")
    }
    pieces.push(")")
  }
  write(root)
  return { pieces, unseen, readsName }
}
