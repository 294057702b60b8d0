import { Effect, Schema } from "effect"
import { encodedOf, type Encoded } from "../Codec.ts"
import { OutputRef } from "../RunRecord.ts"
import type { Any as AnyStep } from "../Step.ts"
import { CorruptArtifact, describe, type StoreError } from "../UniflowError.ts"
import { canonicalJson } from "./canonicalJson.ts"
import { known } from "./chain.ts"
import type { Objects } from "./Objects.ts"

/** Media type of a map's output: the list of its items' outputs by their digests. */
const MANIFEST = "application/vnd.uniflow.map+json"

const ItemError = Schema.Struct({ name: Schema.String, message: Schema.String })

const Manifest = Schema.fromJsonString(Schema.Struct({
  version: Schema.Literal(1),
  /** Whether elements stand as outcomes (`onItemError: "collect"`). */
  collect: Schema.Boolean,
  items: Schema.Array(Schema.Union([Schema.Struct({ ref: OutputRef }), Schema.Struct({ error: ItemError })]))
}))
type Manifest = typeof Manifest.Type

/** One element of a map's output. */
export type ManifestItem = Manifest["items"][number]

/** Address of an item: told by its content, and by which of its equals it is. */
export const addressOf = (step: string, digest: string, occurrence: number): string =>
  `${step}[${digest.slice(0, 16)}${occurrence === 1 ? "" : `#${occurrence}`}]`

/** The manifest's bytes, with media type and codec, as `Objects.keep` takes them. */
export const encodeManifest = (items: ReadonlyArray<ManifestItem>, collect: boolean): readonly [Encoded, string, string] => [
  encodedOf(new TextEncoder().encode(canonicalJson({ version: 1, collect, items }))),
  MANIFEST,
  "json/1"
]

const nameOf = (step: string): string => `Output of step "${step}"`

const parseNow = (step: string, ref: OutputRef, bytes: Uint8Array): Manifest => {
  try {
    return Schema.decodeUnknownSync(Manifest)(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new CorruptArtifact({ digest: ref.digest, what: nameOf(step), reason: `its list of items is damaged: ${describe(cause)}` })
  }
}

const parse = (step: string, ref: OutputRef, bytes: Uint8Array): Effect.Effect<Manifest, CorruptArtifact> =>
  Effect.try({ try: () => parseNow(step, ref, bytes), catch: (error) => error as CorruptArtifact })

/** What cannot be loaded once is taken as missing from then on, until it is saved again. */
const noticed = <A>(objects: Objects, loading: Effect.Effect<A, CorruptArtifact | StoreError>): Effect.Effect<A, CorruptArtifact | StoreError> =>
  known(loading) ?? Effect.tapError(loading, (error) => Effect.sync(() => {
    if (error._tag === "CorruptArtifact") objects.unusable.add(error.digest)
  }))

const read = (objects: Objects, step: string, ref: OutputRef): Effect.Effect<Manifest, CorruptArtifact | StoreError> =>
  noticed(objects, Effect.flatMap(objects.bytes(nameOf(step), ref), (bytes) => parse(step, ref, bytes)))

/** What a map's output is made of; empty for any other. */
export const itemRefs = (objects: Objects, step: string, ref: OutputRef): Effect.Effect<ReadonlyArray<OutputRef>, CorruptArtifact | StoreError> =>
  ref.mediaType === MANIFEST
    ? Effect.map(read(objects, step, ref), ({ items }) => items.flatMap((item) => ("ref" in item ? [item.ref] : [])))
    : Effect.succeed([])

/** Whether the bytes of an output are there; those of a map's items, too. */
export const isThere = (objects: Objects, step: string, ref: OutputRef): Effect.Effect<boolean, StoreError> =>
  ref.mediaType === MANIFEST ? areThere(objects, step, ref) : objects.present(ref)

const areThere = Effect.fnUntraced(function*(objects: Objects, step: string, ref: OutputRef): Effect.fn.Return<boolean, StoreError> {
  if (!(yield* objects.present(ref))) return false
  const items = yield* Effect.catchTag(itemRefs(objects, step, ref), "CorruptArtifact", () => Effect.succeed(undefined))
  if (items === undefined) return false
  for (const item of items) if (!(yield* objects.present(item))) return false
  return true
})

/** The output of a step; that of a map is put together from its items. With `plain` as it was saved, before its schema. */
export const loadOutput = (objects: Objects, step: AnyStep, ref: OutputRef, form?: "plain"): Effect.Effect<unknown, CorruptArtifact | StoreError> => {
  const output = form === "plain" ? undefined : step.definition.output
  const load = (one: OutputRef): Effect.Effect<unknown, CorruptArtifact | StoreError> => noticed(objects, objects.load(nameOf(step.name), one, output))
  if (ref.mediaType !== MANIFEST) return load(ref)
  return Effect.flatMap(read(objects, step.name, ref), ({ collect, items }) =>
    Effect.forEach(items, (item): Effect.Effect<unknown, CorruptArtifact | StoreError> =>
      "error" in item
        ? Effect.succeed({ ok: false, error: item.error })
        : Effect.map(load(item.ref), (value) => (collect ? { ok: true, value } : value))))
}

/**
 * The same at once, where the stores can be read without waiting.
 *
 * @throws CorruptArtifact or StoreError
 */
export const loadOutputNow = (objects: Objects, step: AnyStep, ref: OutputRef): unknown => {
  const { output } = step.definition
  const what = nameOf(step.name)
  try {
    if (ref.mediaType !== MANIFEST) return objects.loadNow(what, ref, output)
    const { collect, items } = parseNow(step.name, ref, objects.bytesNow(what, ref))
    return items.map((item) => {
      if ("error" in item) return { ok: false, error: item.error }
      const value = objects.loadNow(what, item.ref, output)
      return collect ? { ok: true, value } : value
    })
  } catch (error) {
    if (error instanceof CorruptArtifact) objects.unusable.add(error.digest)
    throw error
  }
}
