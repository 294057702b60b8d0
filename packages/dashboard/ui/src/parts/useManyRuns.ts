/** Thousands of runs with some of their fields, asked for a page at a time. */
import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { useEffect, useRef } from "react"
import { api, type RunQuery, type RunRow } from "../api.ts"

const PAGE = 500
const MOST = 5_000

/** The newest 5,000 of the runs that are asked for. `changedAtMs`: when something of them may last have changed, as Unix time. */
export const useManyRuns = ({ experiment, select, where }: Pick<RunQuery, "experiment" | "where" | "select">, changedAtMs: number) => {
  const begunAtMs = useRef(0)
  const query = useQuery({
    queryKey: ["many-runs", experiment, where, select],
    queryFn: async ({ signal }) => {
      begunAtMs.current = Date.now()
      const runs: Array<RunRow> = []
      let after: string | undefined
      do {
        signal.throwIfAborted()
        const page = await api.runs({ experiment, where, select, after, limit: PAGE })
        runs.push(...page.runs)
        after = page.next ?? undefined
      } while (after !== undefined && runs.length < MOST)
      return { runs, more: after !== undefined }
    },
    // Not with each change: it would begin again and again before it ends. The effect below waits for the end.
    meta: { runs: [] },
    placeholderData: keepPreviousData
  })
  const { isFetching, refetch } = query
  useEffect(() => {
    if (!isFetching && begunAtMs.current > 0 && changedAtMs > begunAtMs.current) void refetch()
  }, [changedAtMs, isFetching, refetch])
  return query
}
