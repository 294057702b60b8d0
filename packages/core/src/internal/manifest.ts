import { Effect, Schema } from "effect"
import { encodedOf, type Encoded } from "../Codec.ts"
import { OutputRef } from "../RunRecord.ts"
import type { Any as AnyStep } from "../Step.ts"
import { CorruptArtifact, type StoreError } from "../UniflowError.ts"
import { canonicalJson } from "./canonicalJson.ts"
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

const nameOf = (step: AnyStep): string => `Output of step "${step.name}"`

const damaged = (step: AnyStep, ref: OutputRef, reason: string): CorruptArtifact => new CorruptArtifact({ digest: ref.digest, what: nameOf(step), reason })

const parse = (step: AnyStep, ref: OutputRef, bytes: Uint8Array): Effect.Effect<Manifest, CorruptArtifact> =>
  Schema.decodeUnknownEffect(Manifest)(new TextDecoder().decode(bytes)).pipe(Effect.mapError((error) => damaged(step, ref, error.message)))

/** The digests that a map's output is made of; empty for any other. */
export const itemRefs = (objects: Objects, step: AnyStep, ref: OutputRef): Effect.Effect<ReadonlyArray<OutputRef>, CorruptArtifact | StoreError> =>
  ref.mediaType !== MANIFEST
    ? Effect.succeed([])
    : Effect.map(
      Effect.flatMap(objects.bytes(nameOf(step), ref), (bytes) => parse(step, ref, bytes)),
      ({ items }) => items.flatMap((item) => ("ref" in item ? [item.ref] : []))
    )

/** The output of a step; that of a map is put together from its items. */
export const loadOutput = Effect.fnUntraced(function*(
  objects: Objects,
  step: AnyStep,
  ref: OutputRef
): Effect.fn.Return<unknown, CorruptArtifact | StoreError> {
  const { output } = step.definition
  if (ref.mediaType !== MANIFEST) return yield* objects.load(nameOf(step), ref, output)
  const { collect, items } = yield* parse(step, ref, yield* objects.bytes(nameOf(step), ref))
  return yield* Effect.forEach(items, (item): Effect.Effect<unknown, CorruptArtifact | StoreError> =>
    "error" in item
      ? Effect.succeed({ ok: false, error: item.error })
      : Effect.map(objects.load(nameOf(step), item.ref, output), (value) => (collect ? { ok: true, value } : value)))
})

/**
 * The same at once, where the stores can be read without waiting.
 *
 * @throws CorruptArtifact or StoreError
 */
export const loadOutputNow = (objects: Objects, step: AnyStep, ref: OutputRef): unknown => {
  const { output } = step.definition
  if (ref.mediaType !== MANIFEST) return objects.loadNow(nameOf(step), ref, output)
  let manifest: Manifest
  try {
    manifest = Schema.decodeUnknownSync(Manifest)(new TextDecoder().decode(objects.bytesNow(nameOf(step), ref)))
  } catch (cause) {
    throw cause instanceof CorruptArtifact ? cause : damaged(step, ref, "its list of items is damaged")
  }
  return manifest.items.map((item) => {
    if ("error" in item) return { ok: false, error: item.error }
    const value = objects.loadNow(nameOf(step), item.ref, output)
    return manifest.collect ? { ok: true, value } : value
  })
}
