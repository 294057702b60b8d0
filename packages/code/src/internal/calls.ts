/**
 * The call that made a step, in the module that it stands in.
 */
import { child, isFunction, list, nameOf, type Node, unwrap } from "./ast.ts"
import type { Frame } from "./frames.ts"
import type { Scopes } from "./scopes.ts"

/** What is asked: functions, and where the step that has them was made. */
export interface Question {
  readonly step: string
  readonly functions: ReadonlyArray<Function>
  readonly frames: ReadonlyArray<Frame>
  /** Whether a file lies in a bundler's folder, where modules are wrapped in functions. */
  readonly isBundle: (path: string) => boolean
}

/** A module that was read. */
export interface Module {
  readonly path: string
  readonly source: string
  readonly program: Node
  readonly scopes: Scopes
}

const optionNames = new Set(["run", "when", "over", "key", "files"])

/** A call that makes a step, with the options that hold its functions. */
export interface Call {
  readonly module: Module
  readonly options: ReadonlyMap<string, Node>
  /** Whether options come from another object besides. */
  readonly spreads: boolean
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

const spreadsIn = (call: Node): boolean =>
  list(call, "arguments").some((argument) => argument.type === "SpreadElement" || list(unwrap(argument), "properties").some((property) => property.type === "SpreadElement" || property["computed"] === true))

/** The call at the stack's first frame: the innermost one whose callee holds the position. */
export const callAt = ({ frames, isBundle, step }: Question, open: (path: string, bundle: boolean) => Module | undefined): Call | undefined => {
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
  return call === undefined ? undefined : { module, options: optionsOf(call), spreads: spreadsIn(call) }
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

export const bindingOf = (node: Node, { scopes }: Module) => {
  const use = scopes.references.get(node)
  return use === undefined ? undefined : scopes.resolve(use.name, use.scope)
}

/** The function that a name stands for, where it was declared as one in this module. */
export const declaredFunction = (node: Node, module: Module): Node | undefined => {
  const binding = node.type === "Identifier" ? bindingOf(node, module) : undefined
  if (binding === undefined || binding.assigned) return undefined
  if (binding.kind === "function") return binding.node
  const value = binding.node.type === "VariableDeclarator" ? child(binding.node, "init") : undefined
  return value !== undefined && isFunction(unwrap(value)) ? unwrap(value) : undefined
}

