/**
 * Live changes as server-sent events (HTML Living Standard, section 9.2): which runs changed, so that a page asks for them again.
 *
 * One look at the store a second serves all readers. A reader that does not keep up is told once to ask for everything, and nothing is queued for it.
 */
import { RunStore, type Filter } from "@uniflow/core"
import { Effect } from "effect"
import { allOf } from "./Visitor.ts"
import type { PageUniflow } from "./handlers.ts"

const EVERY_MS = 1_000
const MOST_IDS = 200

interface Reader {
  readonly controller: ReadableStreamDefaultController<Uint8Array>
  readonly where: Filter.Filter | undefined
  readonly session: string
  behind: boolean
}

export const events = (uniflow: PageUniflow, { maxStreamMs, maxStreams, maxStreamsPerSession }: { readonly maxStreams: number; readonly maxStreamsPerSession: number; readonly maxStreamMs: number }) => {
  const readers = new Set<Reader>()
  const text = new TextEncoder()
  let timer: ReturnType<typeof setTimeout> | undefined
  let cursor: number | undefined

  const visible = (ids: ReadonlyArray<string>, where: Filter.Filter | undefined): Promise<ReadonlyArray<string>> =>
    where === undefined ? Promise.resolve(ids) : uniflow.runPromise(Effect.flatMap(RunStore, (store) =>
      Effect.map(store.find({ where: allOf({ _tag: "In", field: { _tag: "Run", name: "id" }, values: ids, negated: false }, where), limit: ids.length }), (found) => found.map(({ run }) => run.id))))

  const send = (reader: Reader, event: string, data: unknown): void => {
    if ((reader.controller.desiredSize ?? 0) <= 0) {
      reader.behind = true
      return
    }
    reader.controller.enqueue(text.encode(reader.behind ? "event: all\ndata: {}\n\n" : `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`))
    reader.behind = false
  }

  const look = async (): Promise<void> => {
    const changed: Array<string> = []
    const first = cursor === undefined
    let at = cursor ?? 0
    while (true) {
      const { cursor: next, runIds } = await uniflow.runPromise(Effect.flatMap(RunStore, (store) => store.changes(at)))
      at = next
      if (!first) changed.push(...runIds)
      // The first look is for where the end is: what changed since a reader asked for it is not known.
      if (!first || runIds.length === 0) break
    }
    cursor = at
    for (const reader of readers) {
      // What cannot be told to one reader is no reason to tell the others nothing; it is told later to ask for everything.
      const ids = first || changed.length === 0 ? [] : await visible(changed, reader.where).catch(() => undefined)
      if (ids === undefined) {
        send(reader, "unavailable", {})
        reader.behind = true
      } else if (first || ids.length > MOST_IDS) send(reader, "all", {})
      else if (ids.length === 0) send(reader, "beat", {})
      else send(reader, "runs", { ids })
    }
  }

  const schedule = (): void => {
    if (timer !== undefined || readers.size === 0) return
    timer = setTimeout(() => {
      void look().catch(() => {
        for (const reader of readers) send(reader, "unavailable", {})
      }).finally(() => {
        timer = undefined
        schedule()
      })
    }, EVERY_MS)
    if (typeof timer === "object" && "unref" in timer) (timer as { readonly unref: () => void }).unref()
  }

  return {
    /** A stream of events; undefined where there are too many already. */
    stream: (request: Request, where: Filter.Filter | undefined, session: string): Response | undefined => {
      if (readers.size >= maxStreams || [...readers].filter((one) => one.session === session).length >= maxStreamsPerSession) return undefined
      let reader: Reader | undefined
      let end: ReturnType<typeof setTimeout> | undefined
      const close = (): void => {
        clearTimeout(end)
        if (reader === undefined || !readers.delete(reader)) return
        try {
          reader.controller.close()
        } catch {
          // It was cancelled.
        }
      }
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          reader = { controller, where, session, behind: false }
          readers.add(reader)
          controller.enqueue(text.encode("retry: 1000\nevent: hello\ndata: {}\n\n"))
          end = setTimeout(close, maxStreamMs)
          if (typeof end === "object" && "unref" in end) (end as { readonly unref: () => void }).unref()
          request.signal.addEventListener("abort", close, { once: true })
          schedule()
        },
        cancel: close
      }, { highWaterMark: 64 })
      return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store, no-transform", "x-accel-buffering": "no" } })
    },
    close: (): void => {
      clearTimeout(timer)
      for (const { controller } of readers) controller.close()
      readers.clear()
    }
  }
}
