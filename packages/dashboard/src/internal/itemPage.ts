/** A page of compared items, with what they were made of and what came out as text: bounded in items and in bytes. */
import { caseOf, type ComparedItem, compareItems, type ItemChange, type ItemOutcome, jsonified, type ReadItems, storedValue } from "@uniflow/compare"
import { type ArtifactStore, Codec, InvalidInput, joinEncoded, type OutputRef, type RunNotFound, type RunRecord, type RunStore, type StoreError } from "@uniflow/core"
import { Effect, Result } from "effect"
import type { ItemPage, ItemRow, ItemShow, ItemText } from "../Api.ts"
import { cborText } from "./cborText.ts"

/** Of all texts of a page together, and of one. */
const MOST_PAGE_BYTES = 1024 * 1024
/** Items of a page times runs. */
const MOST_VALUES = 400
const MOST_TEXT_BYTES = 64 * 1024
const MOST_INPUT_BYTES = 2 * 1024
/** A larger output is not read. */
const MOST_READ_BYTES = 1024 * 1024

const isShown: { readonly [show in ItemShow]: (item: ComparedItem) => boolean } = {
  all: () => true,
  differing: ({ changes }) => changes.some((change) => change !== undefined && change !== "same"),
  flipped: ({ flipped }) => flipped,
  worse: ({ changes }) => changes.includes("worse"),
  improved: ({ changes }) => changes.includes("improved"),
  changed: ({ changes }) => changes.includes("changed"),
  only: ({ changes }) => changes.includes("added") || changes.includes("missing"),
  same: ({ changes }) => changes.every((change) => change === undefined || change === "same")
}

const pretty = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}

/** Stored bytes for reading; undefined where they are no text. */
const textOf = (mediaType: string, bytes: Uint8Array, isWhole: boolean): string | undefined => {
  if (mediaType === "application/cbor") return cborText(bytes)
  if (!/^text\/|[/+]json$/.test(mediaType)) return undefined
  const text = new TextDecoder().decode(bytes)
  return isWhole && mediaType.endsWith("json") ? pretty(text) : text
}

/** A value for reading, and whether it is the beginning alone. */
const valueText = (value: unknown, most: number): Effect.Effect<Pick<ItemText, "text" | "cut">, never, Codec> =>
  Effect.map(Codec, (codec) => {
    if (typeof value === "string") return { text: value.slice(0, most), cut: value.length > most }
    const encoded = codec.encode(value)
    const bytes = Result.isSuccess(encoded) ? joinEncoded(encoded.success) : new Uint8Array()
    const cut = bytes.length > most
    return { text: textOf(codec.mediaType, bytes.subarray(0, most), !cut) ?? null, cut }
  })

/** Of a case its own output: what else it holds is shown beside it. */
const outputText = Effect.fnUntraced(function*(ref: OutputRef, most: number): Effect.fn.Return<ItemText & { readonly expected?: string | null }, StoreError, RunStore | ArtifactStore | Codec> {
  const { mediaType, sizeBytes } = ref
  const found = sizeBytes > MOST_READ_BYTES ? undefined : yield* storedValue(ref)
  if (found === undefined) return { text: null, cut: false, sizeBytes, mediaType }
  const own = caseOf(found.value)
  const text = yield* valueText(own === undefined ? found.value : own.output, most)
  return { ...text, sizeBytes, mediaType, ...own?.expected === undefined ? {} : { expected: (yield* valueText(own.expected, MOST_INPUT_BYTES)).text } }
})

const inputText = (value: unknown): Effect.Effect<string | null, never, Codec> => Effect.map(valueText(value, MOST_INPUT_BYTES), ({ text }) => text)

const valueOf = Effect.fnUntraced(function*(value: ItemOutcome | undefined, most: number): Effect.fn.Return<ItemRow["values"][number], StoreError, RunStore | ArtifactStore | Codec> {
  if (value === undefined) return null
  const { durationMs, error, output, scores, status } = value
  return {
    status,
    error: error === undefined ? null : { name: error.name.slice(0, 200), message: error.message.slice(0, 2_000) },
    durationMs: durationMs ?? null,
    scores: scores.map(({ goal, name, value }) => ({ name, value: jsonified(value) as number | string | boolean, goal: goal ?? null })),
    output: output === undefined ? null : yield* outputText(output, most)
  }
})

/** What was read of the newest so many comparisons is kept while their runs stay as they are: for the next page, and for another search. */
const MOST_KEPT = 3
/** Of a larger one nothing is kept. */
const MOST_KEPT_VALUES = 50_000

type Read = Pick<ReadItems, "counts" | "items" | "unread"> & { readonly inputs: ReadonlyMap<string, unknown> }

/** Comparisons by what they are of; empty at first. */
export type KeptItems = Map<string, Read>

const readOnce = Effect.fnUntraced(function*(kept: KeptItems, runs: ReadonlyArray<RunRecord>, step: string): Effect.fn.Return<Read, RunNotFound | StoreError, RunStore | ArtifactStore | Codec> {
  const key = JSON.stringify([step, ...runs.map(({ id, revision }) => [id, revision])])
  const known = kept.get(key)
  kept.delete(key)
  const found = known ?? (yield* Effect.flatMap(compareItems(runs.map(({ id }) => id), step), ({ counts, inputs, items, unread }) =>
    Effect.map(inputs, (inputs): Read => ({ counts, inputs, items, unread }))))
  if (found.items.length * runs.length <= MOST_KEPT_VALUES) kept.set(key, found)
  for (const oldest of kept.keys()) if (kept.size > MOST_KEPT) kept.delete(oldest)
  return found
})

/** The items of a step in runs that exist for who asks. */
export const itemPage = Effect.fnUntraced(function*(
  kept: KeptItems,
  runs: ReadonlyArray<RunRecord>,
  { after, limit = 20, search = "", show = "differing", step }: { readonly step: string; readonly show?: ItemShow | undefined; readonly search?: string | undefined; readonly after?: string | undefined; readonly limit?: number | undefined }
): Effect.fn.Return<ItemPage, InvalidInput | RunNotFound | StoreError, RunStore | ArtifactStore | Codec> {
  const ids = runs.map(({ id }) => id)
  const { counts, inputs, items, unread } = yield* readOnce(kept, runs, step)
  const wanted = search.toLowerCase()
  const labelOf = ({ key }: ComparedItem): Effect.Effect<string | null, never, Codec> => (inputs.has(key) ? inputText(inputs.get(key)) : Effect.succeed(null))
  const found: Array<ComparedItem> = []
  for (const item of items.filter(isShown[show])) {
    if (wanted === "" || item.key.startsWith(wanted) || (yield* labelOf(item))?.toLowerCase().includes(wanted) === true) found.push(item)
  }
  const from = after === undefined ? 0 : found.findIndex(({ key }) => key === after) + 1
  if (after !== undefined && from === 0) return yield* new InvalidInput({ what: "after", issue: "is no item of this list; begin again without it." })
  const count = Math.min(limit, Math.floor(MOST_VALUES / ids.length))
  const page = found.slice(from, from + count)
  const most = Math.max(512, Math.min(MOST_TEXT_BYTES, Math.floor(MOST_PAGE_BYTES / (Math.max(1, page.length) * ids.length))))
  const rows = yield* Effect.forEach(page, (item) =>
    Effect.gen(function*() {
      const row: ItemRow = {
        key: item.key,
        input: yield* labelOf(item),
        changes: item.changes.map((change): ItemChange | null => change ?? null),
        values: yield* Effect.forEach(item.values, (value) => valueOf(value, most))
      }
      return row
    }))
  return {
    step,
    runs: ids,
    total: items.length,
    found: found.length,
    counts: counts.map((one) => one ?? null),
    unread,
    items: rows,
    next: from + count < found.length ? page.at(-1)!.key : null
  }
})
