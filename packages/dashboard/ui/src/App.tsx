/** The pages, their addresses, and what all of them share: the head, live changes, and what is shown when something fails. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query"
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link, Outlet, RouterProvider, useLocation } from "@tanstack/react-router"
import { useEffect, useRef, useState } from "react"
import { ApiError } from "./api.ts"
import { listen } from "./live.ts"
import { Empty, Failure } from "./parts/States.tsx"
import { useTitle } from "./parts/title.ts"

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500)
    }
  }
})

const Shell = () => {
  const [live, setLive] = useState(true)
  useEffect(() => listen(client, setLive), [])
  const { pathname } = useLocation()
  const main = useRef<HTMLElement>(null)
  const shown = useRef(pathname)
  // Another page begins at its content, for the eyes as for a screen reader.
  useEffect(() => {
    if (shown.current === pathname) return
    shown.current = pathname
    main.current?.focus({ preventScroll: true })
  }, [pathname])
  return (
    <div className="min-h-screen">
      <button type="button" className="sr-only bg-paper px-3 py-2 focus:not-sr-only focus:absolute focus:z-40" onClick={() => main.current?.focus()}>To the content</button>
      <header className="flex items-baseline gap-6 border-b border-line px-5 py-3">
        <Link to="/" className="font-semibold no-underline">UniFlow</Link>
        <nav aria-label="Pages" className="flex gap-4 text-small text-soft">
          <Link to="/" activeOptions={{ exact: true }} activeProps={{ className: "text-ink" }} className="no-underline hover:text-ink">Experiments</Link>
          <Link to="/runs" activeProps={{ className: "text-ink" }} className="no-underline hover:text-ink">Runs</Link>
        </nav>
        <span role="status" className="ml-auto text-small text-soft">{live ? "" : "Not live: asking every 5 seconds"}</span>
      </header>
      <main ref={main} tabIndex={-1} className="px-5 py-5 outline-none"><Outlet /></main>
    </div>
  )
}

const NotFound = () => {
  useTitle("Not found")
  return <><h1 className="sr-only">Not found</h1><Empty title="There is no such page"><p><Link to="/" className="text-accent underline">To the experiments</Link></p></Empty></>
}

const root = createRootRoute({ component: Shell, errorComponent: ({ error }) => <Failure error={error} />, notFoundComponent: NotFound })

/** What the runs page keeps in its address. */
export interface RunsSearch {
  readonly experiment?: string
  readonly where?: string
  readonly sort?: string
  readonly columns?: string
  /** Columns that stick to the left. */
  readonly pinned?: string
  /** Columns that were resized: `run.status:140,params.rate:90`. */
  readonly widths?: string
  /** The name of the saved view that this was at first. */
  readonly view?: string
  readonly group?: string
  readonly selected?: string
  /** Metrics that are drawn, by commas; "none" for none. */
  readonly charts?: string
  /** What the curves go along: "index" (default), "relative" or "time". */
  readonly x?: string
  /** "1" for a logarithmic scale. */
  readonly log?: string
  /** From 0 to 0.99. */
  readonly smooth?: string
  /** What is drawn in place of the curves: "scatter" or "parallel". */
  readonly across?: string
  /** Fields of the scatter by commas, x and y. */
  readonly xy?: string
  /** Fields of the parallel coordinates, by commas. */
  readonly axes?: string
  /** Fields on a logarithmic scale, by commas. */
  readonly logs?: string
  /** The field that colours runs. */
  readonly tint?: string
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" && value.length <= 20_000 ? value : undefined)

const kept = <const Names extends ReadonlyArray<string>>(names: Names) => (search: Record<string, unknown>): { [K in Names[number]]?: string } =>
  Object.fromEntries(names.flatMap((name) => {
    const value = text(search[name])
    return value === undefined ? [] : [[name, value]]
  })) as { [K in Names[number]]?: string }

const experiments = createRoute({ getParentRoute: () => root, path: "/", component: lazyRouteComponent(() => import("./pages/Experiments.tsx"), "Experiments") })
const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  validateSearch: kept(["experiment", "where", "sort", "columns", "pinned", "widths", "view", "group", "selected", "charts", "x", "log", "smooth", "across", "xy", "axes", "logs", "tint"]),
  component: lazyRouteComponent(() => import("./pages/Runs.tsx"), "Runs")
})
const run = createRoute({ getParentRoute: () => root, path: "/runs/$runId", component: lazyRouteComponent(() => import("./pages/Run.tsx"), "RunPage") })
const compare = createRoute({
  getParentRoute: () => root,
  path: "/compare",
  validateSearch: kept(["runs", "group", "experiment", "where", "all", "baseline", "pair", "step", "items", "find"]),
  component: lazyRouteComponent(() => import("./pages/Compare.tsx"), "Compare")
})

const router = createRouter({
  routeTree: root.addChildren([experiments, runs, run, compare]),
  basepath: new URL(document.baseURI).pathname,
  // Values of the address are texts as they stand there.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const entries = Object.entries(search).filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== "")
    return entries.length === 0 ? "" : `?${new URLSearchParams(entries)}`
  },
  scrollRestoration: true
})

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router
  }
}

export const App = () => (
  <QueryClientProvider client={client}>
    <RouterProvider router={router} />
  </QueryClientProvider>
)
