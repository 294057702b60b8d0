/**
 * The page stays as the store is: server-sent events say which runs changed, and what is shown of them is asked for again. Where events do not come
 * through, it asks every few seconds.
 */
import type { InfiniteData, Query, QueryClient } from "@tanstack/react-query"
import { address, api, type RunPage, type RunQuery } from "./api.ts"

const POLL_MS = 5_000

/** Streams end by themselves, before servers end them; the browser comes again after a second. Only what takes longer is told. */
const GRACE_MS = 4_000

/** What reads many runs is asked for again at once, and then not before this time has passed. */
const REST_MS = 3_000

/** So many changed rows at most are put in place one by one. */
const MOST_PUT = 100

type Pages = InfiniteData<RunPage>

const isLongList = ({ queryKey, state }: Query): boolean => queryKey[0] === "runs" && ((state.data as Partial<Pages> | undefined)?.pages?.length ?? 0) > 1

const readsMany = (query: Query): boolean => query.queryKey[0] === "fields" || query.queryKey[0] === "groups" || isLongList(query)

/** Puts the changed rows of a list of several pages where they stand. What no longer matches or moved is found when the list is asked for again. */
const putInPlace = async (client: QueryClient, { queryKey, state }: Query, changed: ReadonlySet<string>): Promise<void> => {
  const ids = (state.data as Pages).pages.flatMap(({ runs }) => runs.flatMap(({ id }) => (changed.has(id) ? [id] : [])))
  if (ids.length === 0 || ids.length > MOST_PUT) return
  const { select } = queryKey[1] as RunQuery
  const { runs } = await api.runs({ where: `run.id in (${ids.map((id) => JSON.stringify(id)).join(", ")})`, select, limit: MOST_PUT })
  const fresh = new Map(runs.map((run) => [run.id, run]))
  client.setQueryData<Pages>(queryKey, (before) => before && { ...before, pages: before.pages.map((page) => ({ ...page, runs: page.runs.map((run) => fresh.get(run.id) ?? run) })) })
}

const concerns = ({ meta, queryKey }: Query, changed: ReadonlySet<string>): boolean =>
  Array.isArray(meta?.["runs"]) ? meta["runs"].some((id) => changed.has(String(id))) : queryKey[0] !== "run" || changed.has(String(queryKey[1]))

/** Begins to listen; gives the end. `onState` is told whether changes come in. */
export const listen = (client: QueryClient, onState: (live: boolean) => void): () => void => {
  let poll: ReturnType<typeof setInterval> | undefined
  let grace: ReturnType<typeof setTimeout> | undefined
  let rest: ReturnType<typeof setTimeout> | undefined
  let waits = false
  let wasLive = false
  const all = (): void => void client.invalidateQueries()
  /** True where the lists were asked for at once; else they are when the rest is over. */
  const askMany = (): boolean => {
    waits = rest !== undefined
    if (waits) return false
    void client.invalidateQueries({ predicate: readsMany })
    rest = setTimeout(() => {
      rest = undefined
      if (waits) askMany()
    }, REST_MS)
    return true
  }
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
      predicate: (query) => !readsMany(query) && concerns(query, changed)
    })
    // A row that could not be read comes with its list.
    if (!askMany()) for (const query of client.getQueryCache().findAll({ type: "active", predicate: isLongList })) void putInPlace(client, query, changed).catch(() => undefined)
  })
  source.addEventListener("error", () => {
    // Closed for good: an answer that is no stream, such as too many at once.
    if (source.readyState === EventSource.CLOSED) polling(true)
    else grace ??= setTimeout(() => polling(true), GRACE_MS)
  })
  return () => {
    source.close()
    clearTimeout(grace)
    clearTimeout(rest)
    clearInterval(poll)
  }
}
