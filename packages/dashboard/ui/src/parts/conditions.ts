/** Conditions of a filter (docs/finding.md) as chips and column menus put them together. */

const inBackticks = (name: string): string => (/^[A-Za-z_$][\w$-]*$/.test(name) ? name : `\`${name.replaceAll("`", "``")}\``)

/** The field of a tag. */
export const tagField = (name: string): string => `tags.${inBackticks(name)}`

/** The tag's name behind such a field. */
export const tagName = (field: string): string => field.slice("tags.".length).replace(/^`(.*)`$/s, "$1").replaceAll("``", "`")

/** The conditions that a filter joins by "and", where it is no more than that; texts in quotes stay whole. */
export const conditionsOf = (where: string): ReadonlyArray<string> | undefined => {
  const withoutTexts = where.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`]|``)*`/g, (text) => "x".repeat(text.length))
  if (/\bor\b|\bnot\b(?!\s+(?:null|in|like|nan)\b)/.test(withoutTexts)) return undefined
  if (/[()]/.test(withoutTexts.replaceAll(/\bin\s*\([^()]*\)/g, ""))) return undefined
  const conditions: Array<string> = []
  let from = 0
  for (const { 0: word, index } of withoutTexts.matchAll(/\s+and\s+/g)) {
    conditions.push(where.slice(from, index).trim())
    from = index + word.length
  }
  return [...conditions, where.slice(from).trim()].filter((condition) => condition !== "")
}

/** The filter with more conditions; those for which `without` holds are taken away first. */
export const withConditions = (where: string, added: ReadonlyArray<string>, without: (condition: string) => boolean = () => false): string => {
  const conditions = conditionsOf(where)
  const before = conditions === undefined ? [`(${where})`] : conditions.filter((condition) => !without(condition) && !added.includes(condition))
  return [...before, ...added].join(" and ")
}

export interface Range {
  readonly from: string
  readonly to: string
}

const isBound = (field: string, operator: string) => (condition: string): boolean => condition.startsWith(`${field} ${operator} `)

/** The least and the most that a filter asks for of a field; empty texts for none. */
export const rangeOf = (where: string, field: string): Range => {
  const bound = (operator: string): string => conditionsOf(where)?.find(isBound(field, operator))?.slice(field.length + operator.length + 2) ?? ""
  return { from: bound(">="), to: bound("<=") }
}

export const withRange = (where: string, field: string, { from, to }: Range): string =>
  withConditions(where, [...from === "" ? [] : [`${field} >= ${from}`], ...to === "" ? [] : [`${field} <= ${to}`]], (condition) => isBound(field, ">=")(condition) || isBound(field, "<=")(condition))
