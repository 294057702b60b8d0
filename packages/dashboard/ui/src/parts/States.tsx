/** What is shown where there is nothing to show yet: loading, empty, failed. */
import type { ReactNode } from "react"
import { ApiError } from "../api.ts"

export const Failure = ({ error }: { readonly error: unknown }) => (
  <div role="alert" className="rounded border border-bad/40 bg-bad/5 px-4 py-3">
    <p className="font-semibold text-bad">{error instanceof Error ? error.message : String(error)}</p>
    {error instanceof ApiError && error.requestId !== undefined ? <p className="mt-1 text-small text-soft">Request {error.requestId}</p> : null}
  </div>
)

/** Rows in grey, as many as are expected: nothing jumps when they come. */
export const Loading = ({ rows = 6 }: { readonly rows?: number }) => (
  <div role="status" aria-busy="true" aria-label="Loading" className="animate-pulse space-y-2">
    {Array.from({ length: rows }, (_, at) => <div key={at} className="h-8 rounded bg-band" />)}
  </div>
)

export const Empty = ({ children, title }: { readonly title: string; readonly children?: ReactNode }) => (
  <div className="rounded border border-dashed border-line px-6 py-10 text-center">
    <p className="font-semibold">{title}</p>
    <div className="mx-auto mt-3 max-w-3xl text-small text-soft">{children}</div>
  </div>
)
