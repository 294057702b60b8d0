/**
 * Filters and fields as text again.
 */
import type { Field, Filter, FilterValue } from "./filterModel.ts"
import { kindOf } from "./filterKinds.ts"

const PLAIN = /^[\p{L}_$][\p{L}\p{N}\p{M}_$-]*$/u
const FIGURES = /^(?:last|min|max|best)$/

const escaped = (text: string, quote: string): string =>
  `${quote}${
    text.replace(/[\\\p{Cc}\p{Cs}]|["`]/gu, (char) =>
      char === "\\" || char === quote ? `\\${char}` : char === "\"" || char === "`" ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
  }${quote}`

const name = (text: string, plain = PLAIN.test(text)): string => (plain ? text : escaped(text, "`"))

export const formatField = (field: Field): string => {
  switch (field._tag) {
    case "Param":
      return ["params", ...field.path.map((part) => name(part))].join(".")
    case "Tag":
      return `tags.${name(field.name)}`
    case "Run":
      return `run.${field.name}`
    case "Metric": {
      const parts = field.name.split(".")
      const plain = parts.every((part) => PLAIN.test(part)) && !FIGURES.test(parts.at(-1)!)
      return `metrics.${plain ? field.name : escaped(field.name, "`")}${field.figure === "last" ? "" : `.${field.figure}`}`
    }
  }
}

const value = (field: Field, one: FilterValue): string => {
  const kind = kindOf(field)
  if (typeof one === "string") return escaped(one, "\"")
  if (kind === "date" && typeof one === "number") return new Date(one).toISOString()
  if (kind === "duration") return `${one}ms`
  return String(one)
}

/** `%` and `_` keep their backslash inside quotes as it is. */
const pattern = (text: string): string => escaped(text, "\"")

const nested = (filter: Filter): string =>
  filter._tag === "And" || filter._tag === "Or" ? `(${formatFilter(filter)})` : formatFilter(filter)

export const formatFilter = (filter: Filter): string => {
  switch (filter._tag) {
    case "And":
      return filter.filters.map(nested).join(" and ")
    case "Or":
      return filter.filters.map(nested).join(" or ")
    case "Not":
      return filter.filter._tag === "IsNull" || filter.filter._tag === "IsNaN"
        ? `${formatField(filter.filter.field)} is not ${filter.filter._tag === "IsNull" ? "null" : "nan"}`
        : `not ${nested(filter.filter)}`
    case "Compare":
      return `${formatField(filter.field)} ${filter.comparison} ${value(filter.field, filter.value)}`
    case "In":
      return `${formatField(filter.field)} ${filter.negated ? "not in" : "in"} (${filter.values.map((one) => value(filter.field, one)).join(", ")})`
    case "Like":
      return `${formatField(filter.field)} ${filter.negated ? "not like" : "like"} ${pattern(filter.pattern)}`
    case "IsNull":
    case "IsNaN":
      return `${formatField(filter.field)} is ${filter._tag === "IsNull" ? "null" : "nan"}`
  }
}
