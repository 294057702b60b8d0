/** The API of the page, as the page asks it: relative to where it is mounted. */
import type { ComparisonJson, GroupComparisonJson, Jsonified } from "@uniflow/compare"
import type { Explanation, LogRecord, MetricSeries } from "@uniflow/core"
import type { Curve, ExperimentSummary, FieldList, ItemPage, ItemRow, ItemShow, RunDetail, RunPage, RunRow } from "../../src/Api.ts"

export type { ComparisonJson, Curve, ExperimentSummary, FieldList, GroupComparisonJson, ItemPage, ItemRow, ItemShow, RunPage, RunRow }
export type Run = RunDetail
export type Bucket = Jsonified<MetricSeries.Bucket>

/** What the API says when it cannot answer. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly requestId: string | undefined

  constructor(status: number, code: string, message: string, requestId: string | undefined) {
    super(message)
    this.status = status
    this.code = code
    this.requestId = requestId
  }
}

/** The address of something under the mount. */
export const address = (path: string): string => new URL(path, document.baseURI).href

const request = async <A>(path: string, init?: RequestInit): Promise<A> => {
  let response: Response
  try {
    response = await fetch(address(path), init)
  } catch {
    throw new ApiError(0, "offline", "The server cannot be reached.", undefined)
  }
  const body = (await response.json().catch(() => undefined)) as { readonly error?: { readonly code: string; readonly message: string; readonly requestId: string } } | undefined
  if (response.ok && body !== undefined) return body as A
  throw new ApiError(response.status, body?.error?.code ?? "unknown", body?.error?.message ?? `The server answered ${response.status}.`, body?.error?.requestId)
}

const query = (values: { readonly [name: string]: string | number | undefined }): string => {
  const search = new URLSearchParams(Object.entries(values).flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, String(value)]])))
  return search.size === 0 ? "" : `?${search}`
}

const send = <A>(method: "POST" | "PATCH", path: string, body: unknown): Promise<A> =>
  request(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) })

const id = encodeURIComponent

export interface RunQuery {
  readonly experiment?: string | undefined
  readonly where?: string | undefined
  readonly orderBy?: string | undefined
  readonly select?: string | undefined
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

export const api = {
  experiments: () => request<{ readonly experiments: ReadonlyArray<ExperimentSummary> }>("api/experiments"),
  fields: (experiment?: string, search?: string) => request<FieldList>(`api/experiments/fields${query({ experiment, search })}`),
  runs: (asked: RunQuery) => request<RunPage>(`api/runs${query({ ...asked })}`),
  run: (runId: string) => request<Run>(`api/runs/${id(runId)}`),
  explain: (runId: string) => request<Jsonified<Explanation.Explanation>>(`api/runs/${id(runId)}/explain`),
  logs: (runId: string, options: { readonly step?: string | undefined; readonly after?: number | undefined; readonly limit?: number | undefined } = {}) => request<{ readonly logs: ReadonlyArray<LogRecord> }>(`api/runs/${id(runId)}/logs${query(options)}`),
  metric: (runId: string, name: string, buckets = 1000) => request<{ readonly buckets: ReadonlyArray<Bucket> }>(`api/runs/${id(runId)}/metric${query({ name, buckets })}`),
  curves: (asked: { readonly runs: ReadonlyArray<string>; readonly name: string; readonly by: "index" | "time" | "relative"; readonly buckets: number; readonly from?: number | undefined; readonly to?: number | undefined }) =>
    request<{ readonly curves: ReadonlyArray<Curve> }>(`api/curves${query({ ...asked, runs: asked.runs.join(",") })}`),
  annotate: (runId: string, change: { readonly tags?: { readonly [name: string]: string | null }; readonly note?: string | null }) => send<Run>("PATCH", `api/runs/${id(runId)}`, change),
  cancel: (runId: string) => send<{ readonly asked: boolean }>("POST", `api/runs/${id(runId)}/cancel`, {}),
  pin: (runId: string) => send<{ readonly experiment: string }>("POST", `api/runs/${id(runId)}/pin`, {}),
  compare: (runIds: ReadonlyArray<string>) => request<ComparisonJson>(`api/compare${query({ runs: runIds.join(",") })}`),
  items: (asked: { readonly runs: ReadonlyArray<string>; readonly step: string; readonly show: ItemShow; readonly search: string; readonly after: string | undefined }) =>
    request<ItemPage>(`api/compare/items${query({ ...asked, runs: asked.runs.join(",") })}`),
  groups: (asked: { readonly experiment?: string | undefined; readonly where?: string | undefined; readonly groupBy: string; readonly pairBy?: string | undefined; readonly baseline?: string | undefined }) =>
    request<GroupComparisonJson>(`api/compare/groups${query({ ...asked })}`),
  artifact: (runId: string, name: string) => address(`api/artifacts/${id(runId)}${query({ name })}`)
}
