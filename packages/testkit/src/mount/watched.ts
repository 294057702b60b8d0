/** A server process under `watch.ts`: what it did is read when the suite is at its end. */
import type { ChildProcess } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"
import { expect } from "vitest"

export interface WatchedProcess {
  /** To be set in the environment of the server. */
  readonly env: { readonly NODE_OPTIONS: string; readonly UNIFLOW_WATCH: string }
  /** From here on counts what it opens: called when it listens. */
  readonly begin: () => void
  /** Throws when it opened a file outside of `places` (those that end with a slash hold all below them; what identifies a process is always there), began a connection, left a rejection unhandled, or its prototypes were changed. */
  readonly check: (child: ChildProcess, places: ReadonlyArray<string>) => Promise<void>
}

const IDENTITY = ["/proc/self", "/proc/self/", "/proc/sys/kernel/random/boot_id"]

/** Watches a process that is told so by its environment; `file` is where its notes are kept. */
export const watched = (file: string): WatchedProcess => {
  const notes = (): ReadonlyArray<readonly [kind: string, text: string]> => {
    const text = existsSync(file) ? readFileSync(file, "utf8") : ""
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as [string, string])
  }
  const program = createRequire(import.meta.url).resolve("@uniflow/testkit/watch")
  let from = 0
  return {
    env: { NODE_OPTIONS: `--import=${pathToFileURL(program).href}`, UNIFLOW_WATCH: file },
    begin: () => {
      from = notes().length
    },
    check: async (child, places) => {
      expect(child.exitCode, "the server ended").toBeNull()
      const looked = () => notes().slice(from).filter(([kind]) => kind === "looked")
      child.kill("SIGUSR2")
      await expect.poll(() => looked().length, { timeout: 10_000 }).toBeGreaterThan(0)
      expect(looked().map(([, text]) => text)).toEqual(looked().map(() => "true"))
      const own = notes().slice(from)
      const of = (kind: string): ReadonlyArray<string> => own.filter(([one]) => one === kind).map(([, text]) => text)
      const outside = of("opened").map((path) => path.replace(/^file:\/\//, "")).filter((path) => ![...IDENTITY, ...places].some((place) => path === place || place.endsWith("/") && path.startsWith(place)))
      expect(outside, "files outside of the store and the program").toEqual([])
      expect(of("connected"), "connections").toEqual([])
      expect(of("rejected"), "rejections that nobody handled").toEqual([])
      expect(of("prototype"), "changes of Object.prototype").toEqual([])
    }
  }
}
