/** What the steps of a run logged: live, of all steps or of one, following the end while it is in view. */
import { formatNumber, formatTime } from "@uniflow/compare"
import { useInfiniteQuery } from "@tanstack/react-query"
import { useEffect, useRef } from "react"
import { api } from "../api.ts"
import { Button } from "./Button.tsx"
import { Failure } from "./States.tsx"

const PAGE = 1_000

const levels: Record<string, string> = { debug: "text-soft", info: "", warn: "text-warning", error: "text-bad" }

export const RunLogs = ({ runId, step }: { readonly runId: string; readonly step: string | undefined }) => {
  const { data, error, fetchNextPage, hasNextPage, isFetchingNextPage, isPending } = useInfiniteQuery({
    queryKey: ["run", runId, "logs", step ?? ""],
    queryFn: ({ pageParam }) => api.logs(runId, { step, after: pageParam, limit: PAGE }),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: ({ logs }) => (logs.length < PAGE ? undefined : logs.at(-1)?.seq)
  })
  const box = useRef<HTMLDivElement>(null)
  const follows = useRef(true)
  const lines = data?.pages.flatMap(({ logs }) => logs) ?? []
  useEffect(() => {
    if (follows.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight
  }, [lines.length])
  if (error) return <Failure error={error} />
  return (
    <div
      ref={box}
      tabIndex={0}
      role="log"
      aria-label={step === undefined ? "Logs" : `Logs of ${step}`}
      aria-busy={isPending}
      onScroll={({ currentTarget: { clientHeight, scrollHeight, scrollTop } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < 24
      }}
      className="max-h-80 min-h-16 overflow-auto rounded bg-band px-3 py-2 font-mono text-small"
    >
      {!isPending && lines.length === 0 ? <p className="font-sans text-soft">{step === undefined ? "No step logged anything." : `${step} logged nothing.`}</p> : null}
      {lines.map(({ address, atMs, level, message, seq }) => (
        <div key={seq} className="flex gap-3">
          <time title={`${formatTime(atMs)} UTC`} className="shrink-0 text-soft">{formatTime(atMs).slice(11)}</time>
          {step === undefined ? <span className="w-20 shrink-0 truncate text-soft" title={address}>{address}</span> : null}
          <span className={`min-w-0 whitespace-pre-wrap break-words ${levels[level] ?? ""}`}>{level === "info" || level === "debug" ? "" : `${level}: `}{message}</span>
        </div>
      ))}
      {hasNextPage ? <Button className="mt-2 font-sans" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>More lines (after {formatNumber(lines.length)})</Button> : null}
    </div>
  )
}
