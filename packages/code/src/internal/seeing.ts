import { createHash } from "node:crypto"
import { sep } from "node:path"
import process from "node:process"
import { type Code, type CodeSubject, type CodeVersionService, isReadable } from "@uniflow/core"
import { Effect, Semaphore } from "effect"
import * as CapturedBindings from "../CapturedBindings.ts"
import * as FileStamps from "../FileStamps.ts"
import * as ProjectSources from "../ProjectSources.ts"
import { make as makeDeepLook, type Look } from "./deepLook.ts"
import { type Frame, framesOf } from "./frames.ts"
import { loadParser, type Parser } from "./parsing.ts"
import { type Place, placeOf } from "./place.ts"
import * as ReachedCache from "./reachedCache.ts"

/** Where a code version looks, and where it keeps what it found. */
export interface SeeingOptions {
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

const noParser = "its code cannot be parsed here, because the package @babel/parser is missing"

/** A code version: shallow, or deep where that can be seen. Keeps stamps, digests and parsed modules for this process. */
export const make = (options: SeeingOptions, deep: { readonly cacheFile: string | undefined } | undefined): CodeVersionService & { readonly save: () => void } => {
  const stamps = FileStamps.make({ file: options.cacheFile })
  const begunAtMs = Date.now() - process.uptime() * 1000
  const seen = new WeakSet<Function>()
  const digests = new Map<string, { readonly atMs: number; readonly sources: ProjectSources.Sources }>()
  const captures = new Map<string, string | undefined>()
  const cache = deep === undefined ? undefined : ReachedCache.make(deep.cacheFile)
  const look = cache === undefined ? undefined : makeDeepLook(stamps, cache, begunAtMs)
  // One looks, the others wait and take its answer.
  const looking = Semaphore.makeUnsafe(1)
  let parser: Parser | undefined
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

  const parserInUse = Effect.suspend(() => parser === undefined ? Effect.tap(loadParser, (loaded) => Effect.sync(() => void (parser = loaded))) : Effect.succeed(parser))

  const capturedBy = Effect.fnUntraced(function*(subject: CodeSubject, texts: ReadonlyArray<string>, frames: ReadonlyArray<Frame>) {
    const key = [subject.step, subject.definedAt, ...texts].join("\0")
    if (captures.has(key)) return captures.get(key)
    const parser = yield* parserInUse
    if (parser === undefined) return noParser
    finder ??= CapturedBindings.make(parser)
    const why = finder.find({ step: subject.step, functions: subject.functions, frames, isBundle: (path) => placeOf(path).kind === "bundle" })
    captures.set(key, why)
    return why
  })

  const reached = Effect.fnUntraced(function*(asked: Look) {
    if (look === undefined) return undefined
    if (asked.place.kind === "bundle") return { kind: "unseen" as const, why: "it runs from a bundle" }
    const known = look.known(asked)
    if (known !== undefined) return known
    const parser = yield* parserInUse
    if (parser === undefined) return { kind: "unseen" as const, why: noParser }
    yield* Effect.yieldNow
    return look.find(asked, parser)
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
    const found = yield* reached({ subject, texts, frames, place, digest: sources.digest, paths: sources.paths })
    if (found?.kind === "seen") return { kind: "deep", hash: found.hash, parts: found.parts }
    if (found?.kind === "refused") return version(found.why)
    const captured = yield* capturedBy(subject, texts, frames)
    if (captured !== undefined) return version(captured)
    const shallow = { kind: "shallow" as const, text: createHash("sha256").update(JSON.stringify(texts)).digest("hex"), project: sources.digest }
    return found === undefined ? shallow : { ...shallow, why: found.why }
  })

  const save = (): void => {
    stamps.save()
    cache?.save()
  }
  return { of, save }
}
