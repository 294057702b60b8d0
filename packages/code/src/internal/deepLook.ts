import { createHash } from "node:crypto"
import { dirname, sep } from "node:path"
import type { CodeSubject } from "@uniflow/core"
import type { FileStamps } from "../FileStamps.ts"
import * as ProjectSources from "../ProjectSources.ts"
import { bindingOf, callAt, declaredFunction } from "./calls.ts"
import { firstCaptured } from "./captures.ts"
import type { Frame } from "./frames.ts"
import * as Influences from "./influences.ts"
import type { ModuleItems } from "./moduleItems.ts"
import type { Parser } from "./parsing.ts"
import type { Place } from "./place.ts"
import * as Project from "./project.ts"
import { type Reached, reach } from "./reach.ts"
import { conditionsInUse } from "./resolving.ts"
import type { ReachedCache } from "./reachedCache.ts"

/** What is looked at: a step, and the sources of the project that it belongs to. */
export interface Look {
  readonly subject: CodeSubject
  readonly texts: ReadonlyArray<string>
  readonly frames: ReadonlyArray<Frame>
  readonly place: Place
  readonly digest: string
  readonly paths: ReadonlyArray<string>
}

/** After so much work, in milliseconds, answers are kept at once, and not only when everything ends. */
const worthKeepingMs = 50

/** How long syntax trees are kept for the next step, in milliseconds: they are large. */
const keepTreesMs = 10_000

/** Finds what steps reach; keeps what it read for the same sources. */
export const make = (stamps: FileStamps, cache: ReachedCache, begunAtMs: number) => {
  const parsed = new Map<string, { readonly stamp: string; readonly module: ModuleItems | undefined }>()
  let project: { readonly digest: string; readonly path: string; readonly read: Project.Project; readonly influences: Influences.Influences } | undefined
  let forgetting: NodeJS.Timeout | undefined
  /** Files besides the project's sources: their digests, and whether they were changed since the process began. */
  let checked: { readonly digest: string; readonly files: Map<string, { readonly digest: string | undefined; readonly changed: boolean }> } | undefined

  const check = (look: Look, path: string): { readonly digest: string | undefined; readonly changed: boolean } => {
    if (checked?.digest !== look.digest) checked = { digest: look.digest, files: new Map() }
    const known = checked.files.get(path)
    if (known !== undefined) return known
    const made = { digest: ProjectSources.digestOf(path, stamps), changed: ProjectSources.isChangedAfter(path, begunAtMs) }
    checked.files.set(path, made)
    return made
  }

  const keyOf = ({ digest, frames, place, subject, texts }: Look): string =>
    createHash("sha256").update(JSON.stringify([place, digest, subject.step, frames[0], texts, ...conditionsInUse()])).digest("hex")

  /**
   * A linked source may be another one than what this process loaded. Of installed packages that is not asked: pnpm links their
   * files into other projects, and with each link the time of their last change is a new one.
   */
  const changedSince = (look: Look, paths: ReadonlyArray<string>): Reached | undefined => {
    const path = paths.find((each) => !each.split(sep).includes("node_modules") && check(look, each).changed)
    return path === undefined ? undefined : { kind: "refused", why: `${path} was changed after this process began, so the code that runs may not be what is on disk; start the process again` }
  }

  /** What was found before, where nothing has changed since. */
  const known = (look: Look): Reached | undefined => {
    const found = cache.get(keyOf(look))
    if (found === undefined || found.project !== look.digest) return undefined
    if (!found.reads.every(([path, digest]) => check(look, path).digest === digest)) return undefined
    return changedSince(look, found.reads.map(([path]) => path)) ?? found.reached
  }

  const find = (look: Look, parser: Parser): Reached => {
    const begun = performance.now()
    const { digest, place } = look
    clearTimeout(forgetting)
    forgetting = setTimeout(() => {
      project = undefined
      parsed.clear()
    }, keepTreesMs).unref()
    if (project?.digest !== digest || project.path !== place.path) {
      const read = Project.make(parser, place.path, parsed)
      project = { digest, path: place.path, read, influences: Influences.make(read, look.paths) }
    }
    const reached = attempt(look, project.read, project.influences)
    const changed = changedSince(look, project.read.reads())
    if (changed !== undefined) return changed
    cache.set(keyOf(look), {
      project: digest,
      reads: project.read.reads().flatMap((path) => {
        const { digest } = check(look, path)
        return digest === undefined ? [] : [[path, digest] as const]
      }),
      reached
    })
    if (performance.now() - begun > worthKeepingMs) cache.save()
    return reached
  }

  return { known, find }
}

const unseen = (why: string): Reached => ({ kind: "unseen", why })

/** What cannot be read for a reason that nobody thought of is not seen. */
const attempt = (look: Look, project: Project.Project, influences: Influences.Influences): Reached => {
  try {
    return reachOf(look, project, influences)
  } catch (cause) {
    return unseen(`reading it failed: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

const reachOf = ({ frames, place, subject }: Look, project: Project.Project, influences: Influences.Influences): Reached => {
  const [first] = frames
  if (first === undefined) return unseen("the file that made it is not known")
  const frame = project.frameOf(first)
  const module = project.open(frame.path)
  const found = callAt({ step: subject.step, functions: subject.functions, frames: [frame], isBundle: () => false }, () => module)
  if (module === undefined || found === undefined) return unseen("the call that made it was not found in its file")
  if (found.spreads) return unseen("its options are put together from others")
  const starts = [...found.options].filter(([name]) => name !== "over")
  if (starts.length !== subject.functions.length) return unseen("its functions do not all stand in the call that made it")
  const nodes = starts.map(([name, node]) => {
    const binding = bindingOf(node, module)
    const local = binding === undefined || binding.scope === module.scopes.root ? undefined : declaredFunction(node, module)
    return { name: `${name} of ${subject.step}`, node: local ?? node }
  })
  const captured = firstCaptured(nodes.map(({ node }) => node), module)
  if (captured !== undefined) return { kind: "refused", why: captured }
  return reach(project, influences, place.kind === "module" ? dirname(place.path) : place.path, module, nodes)
}
