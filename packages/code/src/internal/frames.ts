/**
 * Where a stack was: the files of its frames, as V8 writes them.
 */
import { isAbsolute } from "node:path"
import { fileURLToPath } from "node:url"

export interface Frame {
  /** Absolute path of a file. */
  readonly path: string
  /** From 1. */
  readonly line: number
  /** From 0. */
  readonly column: number
}

const pathOf = (location: string): string | undefined => {
  try {
    if (location.startsWith("file://")) return fileURLToPath(location.replace(/[?#].*$/, ""))
  } catch {
    return undefined
  }
  const path = location.replace(/\?.*$/, "")
  return isAbsolute(path) ? path : undefined
}

/** The frames that stand in files; what was evaluated, and the runtime's own, is left out. */
export const framesOf = (stack: string): ReadonlyArray<Frame> =>
  stack.split("\n").flatMap((text) => {
    const match = /^\s*at (?:.*? \()?(?:async )?((?:file:\/\/|[A-Za-z]:[\\/]|\/).*?):(\d+):(\d+)\)?$/.exec(text)
    if (match === null || text.includes("(eval at ")) return []
    const path = pathOf(match[1]!)
    return path === undefined ? [] : [{ path, line: Number(match[2]), column: Number(match[3]) - 1 }]
  })
