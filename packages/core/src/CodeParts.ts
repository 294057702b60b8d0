/**
 * What a deep code version was made of: the declarations that a step reaches, so that a change can be named and shown.
 *
 * They are kept once per set of codes, not with each step: one manifest that a run names as an artifact of no step
 * (address "", generation 0), so that collecting garbage leaves it alone and copying a run takes it along. Runs of the
 * same code share its bytes. `codeParts` reads the parts of one code, by the hash that stands in a step's components.
 */
import { Effect, Option, Schema } from "effect"
import { ArtifactStore, type ArtifactStoreService } from "./ArtifactStore.ts"
import type { Code } from "./CodeVersion.ts"
import type { Encoded } from "./Codec.ts"
import type { StoreError } from "./UniflowError.ts"
import { Hasher, type HasherService } from "./Hasher.ts"
import { RunStore, type RunStoreService } from "./RunStore.ts"

/** One declaration that a step reaches, a file that it imports as data, or a package. */
export const CodePart = Schema.Struct({
  /** Path from the workspace's root, with `/`; for a package its name. */
  file: Schema.String,
  /** The declaration's name (`run of load` for a step's own function); for a package its version. */
  name: Schema.String,
  /** Changes when the part does; comments, formatting and types aside. */
  hash: Schema.String,
  /** The source text as it is written; null where it is too long to keep, or no text. */
  text: Schema.NullOr(Schema.String)
})
export type CodePart = typeof CodePart.Type

/** A part that differs between two codes; `before` or `after` is missing where it is new or gone. */
export interface ChangedPart {
  readonly file: string
  readonly name: string
  readonly before: CodePart | undefined
  readonly after: CodePart | undefined
}

/** The media type of manifests. */
export const CODE_MEDIA_TYPE = "application/vnd.uniflow.code+json"

/** The longest text of one part that is kept, in characters. */
const MOST_TEXT = 16 * 1024

/** The most text that one manifest keeps, in characters. */
const MOST_TEXTS = 1024 * 1024

const Manifest = Schema.fromJsonString(Schema.Struct({
  format: Schema.Literal(1),
  codes: Schema.Record(Schema.String, Schema.Array(Schema.Int)),
  parts: Schema.Array(CodePart)
}))

const idOf = ({ file, hash, name }: CodePart): string => JSON.stringify([file, name, hash])

/** The bytes of a manifest of these codes, the same for the same codes in any order; undefined where none has parts. */
export const encodeParts = (codes: Iterable<Code>): Encoded | undefined => {
  const parts = new Map<string, CodePart>()
  const known = new Map<string, ReadonlyArray<CodePart>>()
  for (const code of codes) {
    if (code.kind !== "deep" || code.parts === undefined) continue
    known.set(code.hash, code.parts)
    for (const part of code.parts) parts.set(idOf(part), part)
  }
  if (known.size === 0) return undefined
  const ids = [...parts.keys()].sort()
  const index = new Map(ids.map((id, i) => [id, i]))
  let left = MOST_TEXTS
  const kept = ids.map((id) => {
    const part = parts.get(id)!
    const text = part.text === null || part.text.length > Math.min(left, MOST_TEXT) ? null : part.text
    left -= text?.length ?? 0
    return { ...part, text }
  })
  const hashes = [...known.keys()].sort()
  const manifest = {
    format: 1,
    codes: Object.fromEntries(hashes.map((hash) => [hash, known.get(hash)!.map((part) => index.get(idOf(part))!)])),
    parts: kept
  }
  const bytes = new TextEncoder().encode(JSON.stringify(manifest))
  return { segments: [bytes], sizeBytes: bytes.length }
}

const bytesOf = (runs: RunStoreService, artifacts: ArtifactStoreService, hasher: HasherService, digest: string) =>
  Effect.flatMap(runs.blob(digest), (bytes) =>
    bytes === undefined
      ? Effect.catchTag(artifacts.get(digest), "CorruptArtifact", () => Effect.succeed(undefined))
      : Effect.succeed(hasher.bytes(bytes) === digest ? bytes : undefined))

/** Reads the parts of a code from the services themselves; also looks in the run that the given one was made from. */
export const readParts = Effect.fnUntraced(function*(
  runs: RunStoreService,
  artifacts: ArtifactStoreService,
  hasher: HasherService,
  runId: string,
  hash: string
): Effect.fn.Return<ReadonlyArray<CodePart> | undefined, StoreError> {
  const seen = new Set<string>()
  for (let id: string | null = runId; id !== null && !seen.has(id); id = (yield* runs.run(id))?.parent ?? null) {
    seen.add(id)
    for (const { address, digest, mediaType } of yield* runs.artifacts(id)) {
      if (address !== "" || mediaType !== CODE_MEDIA_TYPE) continue
      const bytes = yield* bytesOf(runs, artifacts, hasher, digest)
      const manifest = bytes === undefined ? Option.none() : Schema.decodeOption(Manifest)(new TextDecoder().decode(bytes))
      if (Option.isNone(manifest) || !Object.hasOwn(manifest.value.codes, hash)) continue
      return manifest.value.codes[hash]!.flatMap((index) => manifest.value.parts[index] ?? [])
    }
  }
  return undefined
})

/**
 * The declarations that a step's code was made of in a run: `hash` is `components.code` of a step record whose
 * `codeKind` is `deep`. Undefined where they were not kept (the run is gone, its bytes are damaged, or another program
 * recorded it). Compare those of two runs with `changedParts`.
 */
export const codeParts = (runId: string, hash: string): Effect.Effect<ReadonlyArray<CodePart> | undefined, StoreError, RunStore | ArtifactStore> =>
  Effect.gen(function*() {
    return yield* readParts(yield* RunStore, yield* ArtifactStore, yield* Hasher, runId, hash)
  })

/** The parts in which two codes differ, in the order of their files and names. A part that only moved to another file is none. */
export const changedParts = (before: ReadonlyArray<CodePart>, after: ReadonlyArray<CodePart>): ReadonlyArray<ChangedPart> => {
  const placed = (parts: ReadonlyArray<CodePart>) => Map.groupBy(parts, ({ file, name }) => JSON.stringify([file, name]))
  const moved = (parts: ReadonlyArray<CodePart>) => new Set(parts.map(({ hash, name }) => JSON.stringify([name, hash])))
  const [was, is, hadBefore, hasNow] = [placed(before), placed(after), moved(before), moved(after)]
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((key): ReadonlyArray<ChangedPart> => {
    const [old, now] = [was.get(key)?.[0], is.get(key)?.[0]]
    const { file, name } = (old ?? now)!
    if (old?.hash === now?.hash) return []
    if (now === undefined && hasNow.has(JSON.stringify([name, old!.hash]))) return []
    if (old === undefined && hadBefore.has(JSON.stringify([name, now!.hash]))) return []
    return [{ file, name, before: old, after: now }]
  })
}

/** How many changed parts a sentence names. */
const NAMED = 4

/** The difference of two codes in a sentence: `helper (src/helper.ts) changed`. Undefined where no part differs. */
export const describeChange = (changes: ReadonlyArray<ChangedPart>): string | undefined => {
  if (changes.length === 0) return undefined
  const told = changes.slice(0, NAMED).map(({ after, before, file, name }) =>
    `${name} (${file}) ${before === undefined ? "is new" : after === undefined ? "is no longer reached" : "changed"}`)
  return `${told.join(", ")}${changes.length > NAMED ? `, and ${changes.length - NAMED} more` : ""}`
}
