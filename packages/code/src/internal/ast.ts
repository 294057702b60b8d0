/**
 * Just enough of Babel's syntax tree to walk it: nodes by their type, and their children without types and comments.
 */

/** A node of the tree that `@babel/parser` makes. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly loc: { readonly start: { readonly line: number; readonly column: number } }
  readonly [field: string]: unknown
}

export const isNode = (u: unknown): u is Node => typeof u === "object" && u !== null && "type" in u && typeof u.type === "string" && "start" in u

/** The child in a field, where there is one. */
export const child = (node: Node, field: string): Node | undefined => {
  const value = node[field]
  return isNode(value) ? value : undefined
}

/** The children in a field that holds a list; holes are left out. */
export const list = (node: Node, field: string): ReadonlyArray<Node> => {
  const value = node[field]
  return Array.isArray(value) ? value.filter(isNode) : []
}

export const nameOf = (node: Node | undefined): string | undefined => node !== undefined && typeof node["name"] === "string" ? node["name"] : undefined

/** Type syntax that wraps an expression and vanishes when types are stripped. */
const typeWrappers = new Set(["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression", "TSTypeAssertion", "TSInstantiationExpression", "ParenthesizedExpression"])

/** Type syntax that exists at run time. */
const runtimeTypes = new Set(["TSEnumDeclaration", "TSEnumBody", "TSEnumMember", "TSModuleDeclaration", "TSModuleBlock", "TSParameterProperty", "TSExportAssignment", "TSImportEqualsDeclaration", "TSExternalModuleReference"])

const typeFields = new Set(["typeAnnotation", "returnType", "typeParameters", "typeArguments", "superTypeArguments", "superTypeParameters", "implements", "leadingComments", "innerComments", "trailingComments", "loc", "extra"])

/** A node without the type syntax around it. */
export const unwrap = (node: Node): Node => {
  const inner = typeWrappers.has(node.type) ? child(node, "expression") : undefined
  return inner === undefined ? node : unwrap(inner)
}

/** Whether a node is nothing but types. */
const isTypeOnly = (node: Node): boolean =>
  (node.type.startsWith("TS") && !typeWrappers.has(node.type) && !runtimeTypes.has(node.type))
  || node["declare"] === true
  || node["importKind"] === "type" || node["exportKind"] === "type"

/** The children of a node that exist at run time, with the field each stands in. */
export function* childrenOf(node: Node): Generator<readonly [field: string, child: Node]> {
  for (const field of Object.keys(node)) {
    if (typeFields.has(field)) continue
    const value = node[field]
    if (Array.isArray(value)) {
      for (const each of value) if (isNode(each) && !isTypeOnly(each)) yield [field, each]
    } else if (isNode(value) && !isTypeOnly(value)) {
      yield [field, value]
    }
  }
}

const functionTypes = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression", "ObjectMethod", "ClassMethod", "ClassPrivateMethod"])

export const isFunction = (node: Node): boolean => functionTypes.has(node.type)

export const isLoop = (node: Node): boolean =>
  node.type === "ForStatement" || node.type === "ForInStatement" || node.type === "ForOfStatement" || node.type === "WhileStatement" || node.type === "DoWhileStatement"

/** Whether a field of a node holds a name that stands for itself, not for a variable. */
export const isPlainName = (node: Node, field: string): boolean =>
  node["computed"] !== true && (
    ((node.type === "MemberExpression" || node.type === "OptionalMemberExpression") && field === "property")
    || (field === "key" && /^(?:Object|Class)/.test(node.type))
    || (node.type === "TSEnumMember" && field === "id")
  )
  || node.type === "MetaProperty"
  || (field === "label" && /^(?:Labeled|Break|Continue)/.test(node.type))
  || /^(?:Import|Export)(?:Default|Namespace)?Specifier$/.test(node.type) && (field === "imported" || field === "exported")
  || node.type === "ImportAttribute"
