/**
 * What is known of files by their stamps (size, times, inode), so that an unchanged file is not read again.
 *
 * A stamp is trusted only when the file had rested for two seconds when it was read: within the resolution of a file
 * system's clock a second change may leave the same stamp. Notes are kept in memory and, where a path is given, in a
 * small file whose own digest is checked; anything unexpected in it is as good as no file.
 */
import { createHash } from "node:crypto"
import { type BigIntStats, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import process from "node:process"
import { Option, Schema } from "effect"

/** Notes about files; synchronous, because looking one up costs less than waiting would. */
export interface FileStamps {
  /** What was noted of the file, if its stamp is still the same. */
  readonly get: (path: string, stats: BigIntStats) => string | undefined
  /** Notes something of a file that was read after `begunAtMs` (Unix time in milliseconds), if its stamp can be trusted. */
  readonly set: (path: string, stats: BigIntStats, note: string, begunAtMs: number) => void
  /** Writes new notes to the file, if there is one; a failure is not told, the next process reads the files again. */
  readonly save: () => void
}

/** How long a file has to rest before its stamp is trusted. */
const restMs = 2000

/** More notes than this are not kept: the oldest go. */
const mostNotes = 50_000

const Entries = Schema.fromJsonString(Schema.Array(Schema.Tuple([Schema.String, Schema.String, Schema.String])))

const header = (content: string): string => `uniflow-stamps 1 ${createHash("sha256").update(content).digest("hex")}`

const stampOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string => `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`

const load = (file: string): Iterable<readonly [string, { readonly stamp: string; readonly note: string }]> => {
  try {
    const text = readFileSync(file, "utf8")
    const end = text.indexOf("\n")
    const content = text.slice(end + 1)
    if (text.slice(0, end) !== header(content)) return []
    const entries = Schema.decodeOption(Entries)(content)
    return Option.isSome(entries) ? entries.value.map(([path, stamp, note]) => [path, { stamp, note }] as const) : []
  } catch {
    return []
  }
}

let count = 0

/** Notes of their own, with what is kept in `file`. */
export const make = (options: { readonly file?: string | undefined } = {}): FileStamps => {
  const { file } = options
  let notes: Map<string, { readonly stamp: string; readonly note: string }> | undefined
  let changed = false
  const all = () => notes ??= new Map(file === undefined ? [] : load(file))
  return {
    get(path, stats) {
      const found = all().get(path)
      return found !== undefined && found.stamp === stampOf(stats) ? found.note : undefined
    },
    set(path, stats, note, begunAtMs) {
      const known = all()
      // At the end, so that what is still used is not the oldest.
      known.delete(path)
      changed = true
      if (Number(stats.mtimeMs) > begunAtMs - restMs || Number(stats.ctimeMs) > begunAtMs - restMs) return
      known.set(path, { stamp: stampOf(stats), note })
      if (known.size > mostNotes) known.delete(known.keys().next().value!)
    },
    save() {
      if (file === undefined || !changed) return
      const content = JSON.stringify(Array.from(all(), ([path, { stamp, note }]) => [path, stamp, note]))
      const temporary = `${file}.${process.pid}.${++count}`
      try {
        // Only this one folder: those above it are made by whoever owns them.
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
