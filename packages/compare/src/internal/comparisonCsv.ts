/** A comparison of runs as CSV: a line for each thing that is compared, a column for each run, values in full. */
import type { Compared, ComparisonData } from "../Comparison.ts"
import { type CsvCell, renderCsv } from "../Csv.ts"

export interface CsvOptions {
  /** Also what is equal in all runs; false by default. */
  readonly all?: boolean | undefined
}

/** Renders a comparison as CSV. */
export const renderComparisonCsv = ({ artifacts, code, environment, metrics, params, runs, steps }: ComparisonData, { all = false }: CsvOptions = {}): string => {
  const row = <A>(part: string, name: string, figure: string, { differs, values }: Compared<A>, show: (value: A) => CsvCell): ReadonlyArray<ReadonlyArray<CsvCell>> =>
    all || differs || runs.length === 1 ? [[part, name, figure, ...values.map((value) => (value === undefined ? undefined : show(value)))]] : []
  const ofRuns = (figure: string, values: ReadonlyArray<CsvCell>) => row("run", "", figure, { values, differs: true }, (value) => value)
  const text = (value: unknown): CsvCell => (typeof value === "number" || typeof value === "string" ? value : JSON.stringify(value))
  return renderCsv([
    ["part", "name", "figure", ...runs.map(({ id }) => id)],
    ...ofRuns("pipeline", runs.map(({ pipeline }) => pipeline)),
    ...ofRuns("experiment", runs.map(({ experiment }) => experiment)),
    ...ofRuns("status", runs.map(({ status }) => status)),
    ...ofRuns("started_at_ms", runs.map(({ startedAtMs }) => startedAtMs)),
    ...ofRuns("duration_ms", runs.map(({ durationMs }) => durationMs)),
    ...params.flatMap((param) => row("param", param.name, "", param, text)),
    ...metrics.flatMap(({ differs, name, values }) =>
      (["last", "min", "max", "mean", "count"] as const).flatMap((figure) =>
        row("metric", name, figure, { differs, values: values.map((value) => value?.[figure]) }, (value) => value)
      )
    ),
    ...steps.flatMap(({ differs, step, values }) => [
      ...row("step", step, "status", { differs, values }, ({ status }) => status),
      ...row("step", step, "decision", { differs, values }, ({ decision }) => decision),
      ...row("step", step, "duration_ms", { differs, values }, ({ durationMs }) => durationMs)
    ]),
    ...artifacts.flatMap((artifact) => [
      ...row("artifact", artifact.name, "digest", artifact, ({ digest }) => digest),
      ...row("artifact", artifact.name, "size_bytes", artifact, ({ sizeBytes }) => sizeBytes)
    ]),
    ...row("code", "", "git_commit", code.git, ({ commit }) => commit),
    ...row("code", "", "git_dirty", code.git, ({ dirty }) => String(dirty)),
    ...code.steps.flatMap((one) => row("code", one.step, "version", one, ({ version }) => version)),
    ...row("environment", "", "runtime", environment.runtime, text),
    ...row("environment", "", "platform", environment.platform, text),
    ...row("environment", "", "host", environment.host, text),
    ...row("environment", "", "seed", environment.seed, text),
    ...environment.packages.flatMap((one) => row("package", one.name, "", one, text))
  ])
}
