import { InfiniteQueryObserver, QueryClient, QueryObserver } from "@tanstack/react-query"
import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { listen } from "../ui/src/live.ts"

let tell: (ids: ReadonlyArray<string>) => void
let version = 0
const asked: Array<URL> = []

class Source extends EventTarget {
  static readonly CLOSED = 2
  constructor() {
    super()
    tell = (ids) => void this.dispatchEvent(new MessageEvent("runs", { data: JSON.stringify({ ids }) }))
  }
  close() {}
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal("EventSource", Source)
  vi.stubGlobal("document", { baseURI: "http://page/" })
  vi.stubGlobal("fetch", (address: string) => {
    asked.push(new URL(address))
    return Promise.resolve(Response.json({ runs: [{ id: "b", note: `version ${version}` }], next: null }))
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

it("lists of several pages and fields are asked for at once and then every few seconds; meanwhile changed rows are put in place", async () => {
  const client = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } })
  const reads = { fields: 0, pages: 0 }
  const observer = new InfiniteQueryObserver(client, {
    queryKey: ["runs", { select: "metrics.loss" }],
    queryFn: ({ pageParam }) => {
      reads.pages++
      return { runs: [{ id: pageParam, note: "read" }], next: pageParam === "a" ? "b" : null }
    },
    initialPageParam: "a",
    getNextPageParam: ({ next }) => next ?? undefined
  })
  const ends = [observer.subscribe(() => {}), new QueryObserver(client, { queryKey: ["fields", "e"], queryFn: () => ++reads.fields }).subscribe(() => {}), listen(client, () => {})]
  await vi.advanceTimersByTimeAsync(0)
  await observer.fetchNextPage()
  expect(reads).toEqual({ fields: 1, pages: 2 })
  const notes = () => observer.getCurrentResult().data?.pages.flatMap(({ runs }) => runs.map(({ note }) => note))

  tell(["b"])
  await vi.advanceTimersByTimeAsync(0)
  expect(reads).toEqual({ fields: 2, pages: 4 })
  expect(asked).toEqual([])

  version = 1
  tell(["b", "elsewhere"])
  await vi.advanceTimersByTimeAsync(1_000)
  version = 2
  tell(["b"])
  await vi.advanceTimersByTimeAsync(1_000)
  expect(notes()).toEqual(["read", "version 2"])
  const put = { where: "run.id in (\"b\")", select: "metrics.loss", limit: "100" }
  expect(asked.map(({ searchParams }) => Object.fromEntries(searchParams))).toEqual([put, put])
  expect(reads).toEqual({ fields: 2, pages: 4 })

  // What was told meanwhile is made up for once, and then there is rest.
  await vi.advanceTimersByTimeAsync(20_000)
  expect(reads).toEqual({ fields: 3, pages: 6 })
  expect(notes()).toEqual(["read", "read"])
  for (const end of ends) end()
})
