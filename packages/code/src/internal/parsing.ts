/**
 * Source text to syntax tree: modules in TypeScript and JavaScript, and the text of a single function.
 *
 * The parser is loaded when the first step without a `version` is looked at, and not by importing this package.
 */
import { extname } from "node:path"
import type { ParserOptions } from "@babel/parser"
import { Effect } from "effect"
import { isNode, type Node } from "./ast.ts"

/** Parses a module, or an expression; undefined where the text is neither. */
export interface Parser {
  readonly module: (path: string, source: string) => Node | undefined
  readonly functionText: (text: string) => Node | undefined
}

const common: ParserOptions = {
  sourceType: "module",
  attachComment: false,
  errorRecovery: true,
  allowReturnOutsideFunction: true,
  allowAwaitOutsideFunction: true,
  allowSuperOutsideMethod: true,
  allowNewTargetOutsideFunction: true,
  allowUndeclaredExports: true
}

const pluginsFor = (path: string): NonNullable<ParserOptions["plugins"]> => {
  const decorators = ["decorators", "decoratorAutoAccessors"] as const
  switch (extname(path)) {
    case ".ts":
    case ".mts":
    case ".cts":
      return ["typescript", ...decorators]
    case ".tsx":
      return ["typescript", "jsx", ...decorators]
    default:
      return ["jsx", ...decorators]
  }
}

/** The parser; undefined where its package cannot be loaded. */
export const loadParser: Effect.Effect<Parser | undefined> = Effect.tryPromise(() => import("@babel/parser")).pipe(
  Effect.map(({ parse, parseExpression }): Parser => ({
    module: (path, source) => {
      try {
        const tree: unknown = parse(source, { ...common, plugins: pluginsFor(path) }).program
        return isNode(tree) ? tree : undefined
      } catch {
        return undefined
      }
    },
    functionText: (text) => {
      // A method's text is one only inside an object or a class.
      for (const [before, after] of [["(", "\n)"], ["({", "\n})"], ["(class {", "\n})"]] as const) {
        try {
          const tree: unknown = parseExpression(before + text + after, { ...common, errorRecovery: false, plugins: [] })
          return isNode(tree) ? tree : undefined
        } catch {
          continue
        }
      }
      return undefined
    }
  })),
  Effect.orElseSucceed(() => undefined)
)
