/**
 * What steps were found to reach, kept between processes, so that an unchanged project is not parsed again.
 *
 * An entry answers only for the very digest of the project's sources that it was made from, and while each file besides
 * them has the content it had then. Anything unexpected in the file is as good as no file.
 */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import process from "node:process"
import { Option, Schema } from "effect"
import type { CodePart } from "@uniflow/core"
import type { Reached } from "./reach.ts"

const Entry = Schema.Struct({
  project: Schema.String,
  reads: Schema.Array(Schema.Tuple([Schema.String, Schema.String])),
  reached: Schema.Union([
    /** `parts`: positions in the list of all parts, with commas between. */
    Schema.Struct({ kind: Schema.Literal("seen"), hash: Schema.String, parts: Schema.String }),
    Schema.Struct({ kind: Schema.Literals(["unseen", "refused"]), why: Schema.String })
  ])
})
const Kept = Schema.fromJsonString(Schema.Struct({
  entries: Schema.Array(Schema.Tuple([Schema.String, Entry])),
  /** JSON of its own, because many small values are slow to decode: file, name, hash and text of each part, one after the other. */
  parts: Schema.String
}))

const partsIn = (text: string): ReadonlyArray<CodePart> => {
  const flat: unknown = JSON.parse(text)
  const parts: Array<CodePart> = []
  if (!Array.isArray(flat)) return parts
  for (let i = 0; i < flat.length; i += 4) {
    const [file, name, hash, text]: ReadonlyArray<unknown> = flat.slice(i, i + 4)
    if (typeof file !== "string" || typeof name !== "string" || typeof hash !== "string") throw new Error("no part")
    parts.push({ file, name, hash, text: typeof text === "string" ? text : null })
  }
  return parts
}

/** An answer, and the files besides the project's sources that it depends on, with their digests. */
export interface CachedReach {
  readonly project: string
  readonly reads: ReadonlyArray<readonly [path: string, digest: string]>
  readonly reached: Reached
}

/** More answers than this are not kept: the oldest go. */
const mostEntries = 2000

const header = (content: string): string => `uniflow-code 1 ${createHash("sha256").update(content).digest("hex")}`

const load = (file: string): Iterable<readonly [string, CachedReach]> => {
  try {
    const text = readFileSync(file, "utf8")
    const end = text.indexOf("\n")
    const content = text.slice(end + 1)
    if (text.slice(0, end) !== header(content)) return []
    const kept = Schema.decodeOption(Kept)(content)
    if (Option.isNone(kept)) return []
    const { entries } = kept.value
    const parts = partsIn(kept.value.parts)
    return entries.map(([key, { project, reached, reads }]) => [
      key,
      { project, reads, reached: reached.kind === "seen" ? { ...reached, parts: reached.parts.split(",").flatMap((index) => parts[Number(index)] ?? []) } : reached }
    ])
  } catch {
    return []
  }
}

/** Answers of their own, with what is kept in `file`. */
export const make = (file: string | undefined) => {
  let entries: Map<string, CachedReach> | undefined
  let changed = false
  const all = () => entries ??= new Map(file === undefined ? [] : load(file))
  return {
    get: (key: string): CachedReach | undefined => all().get(key),
    set: (key: string, entry: CachedReach): void => {
      const known = all()
      known.delete(key)
      known.set(key, entry)
      changed = true
      if (known.size > mostEntries) known.delete(known.keys().next().value!)
    },
    /** Writes what is new; a failure is not told, the next process reads the code again. */
    save: (): void => {
      if (file === undefined || !changed) return
      const parts = new Map<string, number>()
      const texts: Array<CodePart> = []
      // What belongs to sources that are gone is dropped, save for the newest.
      const recent = new Set([...all().values()].slice(-200).map(({ project }) => project))
      const kept = [...all()].filter(([, { project }]) => recent.has(project)).map(([key, { project, reached, reads }]) => [
        key,
        {
          project,
          reads,
          reached: reached.kind !== "seen" ? reached : {
            ...reached,
            parts: reached.parts.map((part) => {
              const id = JSON.stringify([part.file, part.name, part.hash, part.text])
              const index = parts.get(id) ?? texts.push(part) - 1
              parts.set(id, index)
              return index
            }).join(",")
          }
        }
      ])
      const content = JSON.stringify({ entries: kept, parts: JSON.stringify(texts.flatMap((part) => [part.file, part.name, part.hash, part.text])) })
      const temporary = `${file}.${process.pid}`
      try {
        if (!existsSync(dirname(file))) mkdirSync(dirname(file))
        writeFileSync(temporary, `${header(content)}\n${content}`)
        renameSync(temporary, file)
        changed = false
      } catch {
        rmSync(temporary, { force: true })
      }
    }
  }
}

export type ReachedCache = ReturnType<typeof make>
