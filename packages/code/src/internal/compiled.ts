/**
 * From compiled code back to its source, by the source map beside it.
 *
 * A source is taken only if it is what was compiled: its text is the one in the map, or, where the map holds no texts,
 * it was not changed after the map was written.
 */
import { readFileSync, statSync } from "node:fs"
import { SourceMap, type SourceMapPayload } from "node:module"
import { dirname, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { Frame } from "./frames.ts"
import { resolveSource, relativeSpecifiers as specifiersIn } from "./imports.ts"

/** A source that a file was compiled from. */
interface Source {
  readonly path: string
  /** Whether it is on disk as it was compiled. */
  readonly same: boolean
}

interface Compiled {
  readonly sources: ReadonlyArray<Source>
  readonly map: SourceMap
}

const urlPattern = /\/\/[#@] sourceMappingURL=(\S+)\s*$/

const payloadOf = (path: string, source: string): { readonly payload: SourceMapPayload; readonly path: string; readonly writtenAtMs: number } | undefined => {
  const [, url] = urlPattern.exec(source.slice(-Math.min(source.length, 50_000_000))) ?? []
  if (url === undefined) return undefined
  const inline = /^data:application\/json[^,]*?(;base64)?,(.*)$/.exec(url)
  const file = inline === null ? resolve(dirname(path), decodeURIComponent(url)) : path
  const text = inline === null ? readFileSync(file, "utf8") : inline[1] === undefined ? decodeURIComponent(inline[2]!) : Buffer.from(inline[2]!, "base64").toString("utf8")
  return { payload: JSON.parse(text) as SourceMapPayload, path: file, writtenAtMs: statSync(file).mtimeMs }
}

const pathOf = (source: string, root: string, map: string): string =>
  source.startsWith("file://") ? fileURLToPath(source) : resolve(dirname(map), root, source)

const isSame = (path: string, content: string | null | undefined, writtenAtMs: number): boolean => {
  try {
    return content === undefined || content === null ? statSync(path).mtimeMs <= writtenAtMs : readFileSync(path, "utf8") === content
  } catch {
    return false
  }
}

/** Reads source maps; keeps what it read. */
export const make = () => {
  const known = new Map<string, Compiled | undefined>()
  const maps = new Set<string>()

  const read = (path: string, source: string): Compiled | undefined => {
    try {
      const found = payloadOf(path, source)
      if (found === undefined) return undefined
      const { payload, writtenAtMs } = found
      maps.add(found.path)
      const sources = payload.sources.map((each, i): Source => {
        const at = pathOf(each, payload.sourceRoot ?? "", found.path)
        return { path: at, same: isSame(at, (payload.sourcesContent as ReadonlyArray<string | null> | undefined)?.[i], writtenAtMs) }
      })
      return { sources, map: new SourceMap({ ...payload, sources: sources.map(({ path }) => path), sourceRoot: "" }) }
    } catch {
      return undefined
    }
  }

  const of = (path: string): Compiled | undefined => {
    if (!/\.[cm]?js$/.test(path)) return undefined
    if (known.has(path)) return known.get(path)
    let compiled: Compiled | undefined
    try {
      const source = readFileSync(path, "utf8")
      compiled = source.includes("sourceMappingURL=") ? read(path, source) : undefined
    } catch {
      compiled = undefined
    }
    known.set(path, compiled)
    return compiled
  }

  const vouched = new Map<string, boolean>()

  /** Whether everything that a compiled file pulls in is on disk as it was compiled, so that the sources stand for it. */
  const isVouched = (path: string): boolean => {
    const before = vouched.get(path)
    if (before !== undefined) return before
    vouched.set(path, true)
    const compiled = of(path)
    const holds = compiled !== undefined && compiled.sources.every(({ same }) => same)
      && specifiersIn(readFileSync(path, "utf8")).every((specifier) => {
        const imported = resolveSource(resolve(dirname(path), specifier))
        if (imported === undefined) return true
        if (of(imported) !== undefined) return isVouched(imported)
        // A file that was copied beside the compiled ones.
        return compiled.sources.length === 1 && isCopy(imported, resolve(dirname(compiled.sources[0]!.path), specifier))
      })
    vouched.set(path, holds)
    return holds
  }

  return {
    /** The maps that were read. */
    maps,
    /** The one source of a file, where it was compiled from one alone and all is as it was then; else the file itself. */
    sourceOf: (path: string): string => {
      const compiled = of(path)
      return compiled?.sources.length === 1 && isVouched(path) ? compiled.sources[0]!.path : path
    },
    /** A position in a source, for one in compiled code; the same where there is no map, or a source changed since. */
    frameOf: (frame: Frame): Frame => {
      const compiled = of(frame.path)
      const found = compiled?.map.findEntry(frame.line - 1, frame.column)
      if (compiled === undefined || found === undefined || !("originalSource" in found) || !isVouched(frame.path)) return frame
      return { path: found.originalSource, line: found.originalLine + 1, column: found.originalColumn }
    }
  }
}

const isCopy = (a: string, b: string): boolean => {
  try {
    const [one, other] = [readFileSync(a), readFileSync(b)]
    // tsc formats the JSON that it copies.
    return one.equals(other) || (a.endsWith(".json") && JSON.stringify(JSON.parse(one.toString())) === JSON.stringify(JSON.parse(other.toString())))
  } catch {
    return false
  }
}
