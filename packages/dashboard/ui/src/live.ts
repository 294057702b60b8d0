/**
 * The page stays as the store is: server-sent events say which runs changed, and what is shown of them is asked for again. Where events do not come
 * through, it asks every few seconds.
 */
import type { QueryClient } from "@tanstack/react-query"
import { address } from "./api.ts"

const POLL_MS = 5_000

/** Streams end by themselves, before servers end them; the browser comes again after a second. Only what takes longer is told. */
const GRACE_MS = 4_000

/** Begins to listen; gives the end. `onState` is told whether changes come in. */
export const listen = (client: QueryClient, onState: (live: boolean) => void): () => void => {
  let poll: ReturnType<typeof setInterval> | undefined
  let grace: ReturnType<typeof setTimeout> | undefined
  let wasLive = false
  const all = (): void => void client.invalidateQueries()
  const polling = (on: boolean): void => {
    onState(!on)
    if (on && poll === undefined) poll = setInterval(all, POLL_MS)
    if (!on) {
      clearInterval(poll)
      poll = undefined
    }
  }
  const source = new EventSource(address("api/events"))
  source.addEventListener("hello", () => {
    clearTimeout(grace)
    grace = undefined
    polling(false)
    // What changed between two streams nobody told.
    if (wasLive) all()
    wasLive = true
  })
  source.addEventListener("all", all)
  source.addEventListener("runs", (event) => {
    const { ids } = JSON.parse((event as MessageEvent<string>).data) as { readonly ids: ReadonlyArray<string> }
    const changed = new Set(ids)
    // Lists may have it anywhere; what is of one run, or of those that `meta.runs` names, is asked for again only if it is one of them.
    void client.invalidateQueries({
      predicate: ({ meta, queryKey }) => Array.isArray(meta?.["runs"]) ? meta["runs"].some((id) => changed.has(String(id))) : queryKey[0] !== "run" || changed.has(String(queryKey[1]))
    })
  })
  source.addEventListener("error", () => {
    // Closed for good: an answer that is no stream, such as too many at once.
    if (source.readyState === EventSource.CLOSED) polling(true)
    else grace ??= setTimeout(() => polling(true), GRACE_MS)
  })
  return () => {
    source.close()
    clearTimeout(grace)
    clearInterval(poll)
  }
}
