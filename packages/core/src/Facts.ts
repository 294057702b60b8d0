/**
 * What filters and orders look at: the params, tags and Git state of a run as single, named values.
 *
 * Every store derives them here, so that all give the same answers. A member of a param that is an object is a value of
 * its own, up to 4 levels and 500 values; lists, deeper objects and secrets are there, but are not compared.
 */
import type { AttemptEnvironment } from "./Environment.ts"
import type { ParamValues, RunRecord } from "./RunRecord.ts"
import type { Field, FilterValue } from "./internal/filterModel.ts"

/** A named value; `undefined` where something is there that cannot be compared. */
export type Fact = readonly [name: string, value: FilterValue | undefined]

const DEPTH = 4
const COUNT = 500

/** Text as it is compared: what a database cannot hold is replaced. */
export const comparable = (text: string): string => text.toWellFormed().replaceAll("\0", "\u2400")

const segment = (name: string): string => comparable(name).replaceAll("~", "~0").replaceAll("/", "~1")

/** The name under which a field's value is kept; undefined for what is no fact. */
export const factName = (field: Field): string | undefined =>
  field._tag === "Param"
    ? `params/${field.path.map(segment).join("/")}`
    : field._tag === "Tag"
    ? tagFactName(field.name)
    : field._tag === "Run" && field.name.startsWith("git")
    ? field.name === "git" ? "git.commit" : field.name
    : undefined

/** The name of a tag's fact. */
export const tagFactName = (tag: string): string => `tags/${segment(tag)}`

const isObject = (value: unknown): value is { readonly [name: string]: unknown } => typeof value === "object" && value !== null && !Array.isArray(value)

/** Params as facts; null is none. */
export const paramFacts = (params: ParamValues): ReadonlyArray<Fact> => {
  const facts: Array<Fact> = []
  const add = (name: string, value: unknown, depth: number): void => {
    if (value === null || value === undefined || facts.length >= COUNT) return
    if (typeof value === "string") facts.push([name, comparable(value)])
    else if (typeof value === "number" || typeof value === "boolean") facts.push([name, value])
    else {
      facts.push([name, undefined])
      if (!isObject(value) || depth >= DEPTH || Object.hasOwn(value, "$redacted")) return
      for (const [member, inner] of Object.entries(value)) add(`${name}/${segment(member)}`, inner, depth + 1)
    }
  }
  for (const [param, value] of Object.entries(params)) add(`params/${segment(param)}`, value, 1)
  return facts
}

/** Tags as facts. */
export const tagFacts = (tags: RunRecord["tags"]): ReadonlyArray<Fact> =>
  Object.entries(tags).map(([tag, value]) => [tagFactName(tag), comparable(value)])

/** The names of all Git facts. */
export const GIT_FACTS = ["git.commit", "git.branch", "git.dirty"] as const

/** Git of the newest attempt as facts. */
export const gitFacts = ({ git }: Pick<AttemptEnvironment, "git">): ReadonlyArray<Fact> =>
  git === undefined
    ? []
    : [
      ["git.commit", comparable(git.commit)],
      ...(git.branch === undefined ? [] : [["git.branch", comparable(git.branch)] as const]),
      ["git.dirty", git.dirty]
    ]
