/**
 * Which views of a value share memory, and so have to come back over one ArrayBuffer.
 *
 * A view stands for the bytes it shows, an ArrayBuffer for all of its bytes. So views belong together when two of them
 * show the same bytes, when the ArrayBuffer itself stands in the value, or when they show all of it between them.
 * Views that merely lie in one allocation (Node's Buffer pool, an arena of WebAssembly) are saved each by itself:
 * what lies between them belongs to others, and where they lie differs from run to run.
 */

/** Bytes that several views of a value show. */
export interface SharedRegion {
  /** What is shared: the ArrayBuffer when it stands in the value, else an object of its own. */
  readonly identity: object
  /** Where in the ArrayBuffer the region begins. */
  readonly begin: number
  /** Bytes to save: those that no view shows are zero. */
  readonly bytes: () => Uint8Array
}

interface Span {
  begin: number
  end: number
  readonly views: Array<ArrayBufferView>
}

const spanOf = (view: ArrayBufferView): Span => ({
  begin: view.byteOffset,
  end: view.byteOffset + view.byteLength,
  views: [view]
})

const elementBytes = (view: ArrayBufferView): number =>
  "BYTES_PER_ELEMENT" in view && typeof view.BYTES_PER_ELEMENT === "number" ? view.BYTES_PER_ELEMENT : 1

/** Spans that overlap, or with `touching` also those that only touch, joined. */
const join = (views: ReadonlyArray<ArrayBufferView>, touching: boolean): Array<Span> => {
  const spans = views.map(spanOf).sort((a, b) => a.begin - b.begin || a.end - b.end)
  const joined: Array<Span> = []
  for (const span of spans) {
    const last = joined.at(-1)
    if (last !== undefined && (span.begin < last.end || (touching && span.begin === last.end))) {
      last.end = Math.max(last.end, span.end)
      last.views.push(...span.views)
    } else joined.push(span)
  }
  return joined
}

const region = (buffer: ArrayBuffer, views: ReadonlyArray<ArrayBufferView>, begin: number, end: number): SharedRegion => ({
  identity: {},
  begin,
  bytes: () => {
    const all = new Uint8Array(buffer, begin, end - begin)
    const shown = join(views, true)
    if (shown.length === 1 && shown[0]!.begin <= begin && shown[0]!.end >= end) return all
    const bytes = new Uint8Array(end - begin)
    for (const span of shown) {
      bytes.set(new Uint8Array(buffer, span.begin, span.end - span.begin), span.begin - begin)
    }
    return bytes
  }
})

/** The region of each view that shares memory with others; of an ArrayBuffer that stands in the value, all of it. */
export const sharedRegions = (
  viewsByBuffer: ReadonlyMap<ArrayBuffer, ReadonlyArray<ArrayBufferView>>,
  stands: (buffer: ArrayBuffer) => boolean
): Map<ArrayBufferView, SharedRegion> => {
  const regions = new Map<ArrayBufferView, SharedRegion>()
  for (const [buffer, views] of viewsByBuffer) {
    if (stands(buffer)) {
      const whole: SharedRegion = { identity: buffer, begin: 0, bytes: () => new Uint8Array(buffer) }
      for (const view of views) regions.set(view, whole)
      continue
    }
    if (views.length < 2) continue
    const showing = views.filter((view) => view.byteLength > 0)
    const all = join(showing, true)
    const complete = all.length === 1 && all[0]!.begin === 0 && all[0]!.end === buffer.byteLength
    for (const span of complete ? all : join(showing, false)) {
      if (span.views.length < 2) continue
      const alignment = Math.max(...span.views.map(elementBytes))
      const shared = region(buffer, span.views, span.begin - (span.begin % alignment), span.end)
      for (const view of span.views) regions.set(view, shared)
    }
  }
  return regions
}
