/**
 * The code version of a step that has none written down: its functions' own text, and the digest of the project's sources.
 *
 * Shallow, because the text alone stays the same when a helper changes: it answers only while the project's sources are
 * the same too, and only within its run. For code that runs from a bundle (`.next` and the like) the bundle's files are
 * what counts, not the sources it was once built from.
 *
 * A step is `unknown`, and never reused, when its functions capture what neither shows (`CapturedBindings`), or when the
 * code that runs may not be what is on disk, because something was changed after the process began. A deep version, which
 * reads just what a step reaches, can stand before this one and hand on what it cannot read.
 */
import { createHash } from "node:crypto"
import { sep } from "node:path"
import process from "node:process"
import { type Code, type CodeSubject, CodeVersion, type CodeVersionService, isReadable } from "@uniflow/core"
import { Effect, Layer, Semaphore } from "effect"
import * as CapturedBindings from "./CapturedBindings.ts"
import * as FileStamps from "./FileStamps.ts"
import { type Frame, framesOf } from "./internal/frames.ts"
import { type Place, placeOf } from "./internal/place.ts"
import { loadParser } from "./internal/parsing.ts"
import * as ProjectSources from "./ProjectSources.ts"

export interface ShallowCodeVersionOptions {
  /** Where file stamps are kept between processes; in memory alone by default. */
  readonly cacheFile?: string | undefined
  /** The project of code whose file cannot be known (typed at a prompt); the working directory by default. */
  readonly cwd?: string | undefined
}

/** How long a digest of sources answers without another look, for functions that were asked about before. */
const answersMs = 1000

/** The same for a function that is new: it may come from a module that was loaded again. */
const answersForNewMs = 50

const version = (why: string): Code => ({ kind: "unknown", why: `${why}; give the step a version` })

/** The service; keeps stamps, digests and parsed modules for this process. */
export const make = (options: ShallowCodeVersionOptions = {}): CodeVersionService => {
  const stamps = FileStamps.make({ file: options.cacheFile })
  const begunAtMs = Date.now() - process.uptime() * 1000
  const seen = new WeakSet<Function>()
  const digests = new Map<string, { readonly atMs: number; readonly sources: ProjectSources.Sources }>()
  const captures = new Map<string, string | undefined>()
  // One looks, the others wait and take its answer.
  const looking = Semaphore.makeUnsafe(1)
  let finder: ReturnType<typeof CapturedBindings.make> | undefined

  const sourcesOf = Effect.fnUntraced(function*(place: Place, isNew: boolean) {
    const known = digests.get(place.path)
    const atMs = performance.now()
    if (known !== undefined && atMs - known.atMs < (isNew ? answersForNewMs : answersMs)) return known.sources
    const how = { stamps, begunAtMs }
    const sources = yield* place.kind === "module"
      ? ProjectSources.ofModule(place.path, how)
      : ProjectSources.ofFolder(place.path, { ...how, hidden: place.kind === "bundle" })
    // What this process loaded was read once; sources that differ from the first look are not it.
    const first = known?.sources ?? sources
    const now: ProjectSources.Sources = first._tag === "Known" && sources._tag === "Known" && first.digest !== sources.digest
      ? { ...first, changed: first.changed ?? "a source file" }
      : sources
    digests.set(place.path, { atMs, sources: now })
    return now
  })

  const capturedBy = Effect.fnUntraced(function*(subject: CodeSubject, texts: ReadonlyArray<string>, frames: ReadonlyArray<Frame>) {
    const key = [subject.step, subject.definedAt, ...texts].join("\0")
    if (captures.has(key)) return captures.get(key)
    const parser = finder === undefined ? yield* loadParser : undefined
    if (finder === undefined && parser === undefined) return "its code cannot be parsed here, because the package @babel/parser is missing"
    finder ??= CapturedBindings.make(parser!)
    const why = finder.find({ step: subject.step, functions: subject.functions, frames, isBundle: (path) => placeOf(path).kind === "bundle" })
    captures.set(key, why)
    return why
  })

  const of = Effect.fnUntraced(function*(subject: CodeSubject): Effect.fn.Return<Code> {
    if (!subject.functions.every(isReadable)) return version("its function is native or bound, and its code cannot be seen")
    const isNew = subject.functions.some((f) => !seen.has(f))
    for (const f of subject.functions) seen.add(f)
    const frames = framesOf(subject.definedAt)
    const place = placeOf(frames[0]?.path ?? `${options.cwd ?? process.cwd()}${sep}[eval]`)
    const sources = yield* looking.withPermit(sourcesOf(place, isNew))
    if (sources._tag === "Unknown") return version(sources.why)
    if (sources.changed !== undefined) {
      return { kind: "unknown", why: `${sources.changed} was changed after this process began, so the code that runs may not be what is on disk; start the process again, or give the step a version` }
    }
    const texts = subject.functions.map((f) => Function.prototype.toString.call(f))
    const captured = yield* capturedBy(subject, texts, frames)
    if (captured !== undefined) return version(captured)
    return { kind: "shallow", text: createHash("sha256").update(JSON.stringify(texts)).digest("hex"), project: sources.digest }
  })

  return { of }
}

/** Replaces core's code version by this one. */
export const layer = (options?: ShallowCodeVersionOptions): Layer.Layer<never> => Layer.sync(CodeVersion, () => make(options))
