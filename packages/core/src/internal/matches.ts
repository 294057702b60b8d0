/**
 * Whether a run is as a filter says: what a query means, and how stores without a database answer it.
 */
import { compareText, type Lookup } from "../FoundRun.ts"
import { comparable } from "../Facts.ts"
import { isLike, piecesOf } from "../LikePattern.ts"
import type { Comparison, Filter, FilterValue } from "./filterModel.ts"

const compares = (comparison: Comparison, value: FilterValue, other: FilterValue): boolean => {
  const sameKind = typeof value === typeof other
  if (comparison === "=" || comparison === "!=") return (sameKind && (value === other || (typeof value === "string" && value === comparable(other as string)))) === (comparison === "=")
  if (!sameKind || typeof value === "boolean") return false
  const difference = typeof value === "string" ? compareText(value, comparable(other as string)) : value - (other as number)
  return comparison === "<" ? difference < 0 : comparison === "<=" ? difference <= 0 : comparison === ">" ? difference > 0 : difference >= 0
}

/** Whether a filter matches the run whose values `lookup` gives. */
export const matches = (filter: Filter, lookup: Lookup): boolean => {
  switch (filter._tag) {
    case "And":
      return filter.filters.every((one) => matches(one, lookup))
    case "Or":
      return filter.filters.some((one) => matches(one, lookup))
    case "Not":
      return !matches(filter.filter, lookup)
    case "IsNull":
      return lookup(filter.field) === undefined
    case "IsNaN": {
      const value = lookup(filter.field)?.value
      return typeof value === "number" && value !== value
    }
    case "Compare":
    case "In":
    case "Like": {
      const value = lookup(filter.field)?.value
      if (value === undefined || value !== value) return false
      if (filter._tag === "Compare") return compares(filter.comparison, value, filter.value)
      if (filter._tag === "In") return filter.values.some((one) => compares("=", value, one)) !== filter.negated
      return typeof value === "string" && isLike(value, piecesOf(filter.pattern)) !== filter.negated
    }
  }
}
