/**
 * The figures of a run, or of several that repeat one another, as a JSON file that is committed: what a build without a history compares with.
 *
 * Written by `uniflow baseline write`, read by `--against`. Holds each run's id, seed, commit, duration and metrics, and nothing else. The
 * format is versioned; a file of a newer version is refused.
 */
import { InvalidInput, type RunSnapshot } from "@uniflow/core"
import { Schema } from "effect"
import { newestAttempt } from "./internal/comparing.ts"
import { measureGroups, type RunGroup } from "./RunGroup.ts"

const Figure = Schema.Union([Schema.Finite, Schema.Literals(["NaN", "Infinity", "-Infinity"])])

const Figures = Schema.Struct({ last: Schema.NullOr(Figure), min: Figure, max: Figure, mean: Figure })

const BaselineRun = Schema.Struct({
  id: Schema.String,
  seed: Schema.Number,
  commit: Schema.NullOr(Schema.String),
  durationMs: Schema.NullOr(Schema.Number)
})

const BaselineMetric = Schema.Struct({
  name: Schema.String,
  step: Schema.String,
  key: Schema.String,
  goal: Schema.NullOr(Schema.Literals(["maximize", "minimize"])),
  /** Whether a map's items logged it. */
  items: Schema.Boolean,
  /** One for each run; null where it has none. */
  values: Schema.Array(Schema.NullOr(Figures))
})

/** What a baseline file holds. */
export const BaselineFile = Schema.Struct({
  format: Schema.Literal("uniflow-baseline"),
  version: Schema.Literal(1),
  pipeline: Schema.NullOr(Schema.String),
  writtenAt: Schema.String,
  runs: Schema.Array(BaselineRun),
  metrics: Schema.Array(BaselineMetric)
})
export type BaselineFile = typeof BaselineFile.Type

const figureOut = (value: number): typeof Figure.Type => (Number.isFinite(value) ? value + 0 : String(value) as "NaN")

/** The baseline file of completed runs. Throws `InvalidInput` where there is none, or one that is not completed. */
export const baselineOf = (snapshots: ReadonlyArray<RunSnapshot>, nowMs: number): BaselineFile => {
  if (snapshots.length === 0) throw new InvalidInput({ what: "A baseline", issue: "it needs at least one run." })
  const unfinished = snapshots.find(({ run }) => run.status !== "completed")
  if (unfinished !== undefined) throw new InvalidInput({ what: `Run ${unfinished.run.id}`, issue: `it is ${unfinished.run.status}; a baseline is made of completed runs.` })
  const [measured] = measureGroups([{ name: "baseline", snapshots }])
  const pipelines = new Set(snapshots.map(({ run }) => run.pipeline))
  return {
    format: "uniflow-baseline",
    version: 1,
    pipeline: pipelines.size === 1 ? [...pipelines][0]! : null,
    writtenAt: new Date(nowMs).toISOString(),
    runs: snapshots.map((one, at) => ({
      id: one.run.id,
      seed: one.run.seed,
      commit: newestAttempt(one)?.environment.git?.commit ?? null,
      durationMs: measured?.runs[at]?.durationMs ?? null
    })),
    metrics: (measured?.metrics ?? []).map(({ goal, items, key, name, step, values }) => ({
      name,
      step,
      key,
      goal: goal ?? null,
      items,
      values: values.map((value) => value === undefined ? null : {
        last: value.last === undefined ? null : figureOut(value.last),
        min: figureOut(value.min),
        max: figureOut(value.max),
        mean: figureOut(value.mean)
      })
    }))
  }
}

/** The text of a baseline file, with a line for each run and each metric, so that a diff of two is read easily. */
export const baselineText = ({ format, metrics, pipeline, runs, version, writtenAt }: BaselineFile): string => {
  const lines = (all: ReadonlyArray<unknown>): string => (all.length === 0 ? "[]" : `[\n${all.map((one) => `    ${JSON.stringify(one)}`).join(",\n")}\n  ]`)
  return [
    "{",
    `  "format": ${JSON.stringify(format)},`,
    `  "version": ${version},`,
    `  "pipeline": ${JSON.stringify(pipeline)},`,
    `  "writtenAt": ${JSON.stringify(writtenAt)},`,
    `  "runs": ${lines(runs)},`,
    `  "metrics": ${lines(metrics)}`,
    "}\n"
  ].join("\n")
}

const decode = Schema.decodeUnknownSync(BaselineFile)

/** A baseline file from its text; `name` is the file's, for errors. Throws `InvalidInput` for what is none. */
export const parseBaseline = (text: string, name: string): BaselineFile => {
  const wrong = (issue: string): InvalidInput => new InvalidInput({ what: `The baseline file ${name}`, issue })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw wrong(`it is not JSON (${error instanceof Error ? error.message : String(error)}). Write it anew: uniflow baseline write ${name} <runId>`)
  }
  const version = typeof json === "object" && json !== null && "version" in json ? json.version : undefined
  if (typeof version === "number" && version > 1) throw wrong(`it has version ${version}; this uniflow reads version 1. Update uniflow, or write the file anew.`)
  let file: BaselineFile
  try {
    file = decode(json)
  } catch (error) {
    throw wrong(`it is not a baseline: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (file.runs.length === 0) throw wrong("it has no run.")
  const short = file.metrics.find(({ values }) => values.length !== file.runs.length)
  if (short !== undefined) throw wrong(`it has ${file.runs.length} runs, and ${short.values.length} values of ${short.name}.`)
  return file
}

/** The runs of a baseline file as a group; pairs are made by seed. */
export const baselineGroup = (file: BaselineFile, name = "baseline"): RunGroup => ({
  name,
  runs: file.runs.map(({ durationMs, id, seed }) => ({ id, durationMs: durationMs ?? undefined, pair: String(seed) })),
  metrics: file.metrics.map(({ goal, items, key, name: metric, step, values }) => ({
    name: metric,
    step,
    key,
    goal: goal ?? undefined,
    items,
    values: values.map((value) => value === null ? undefined : {
      last: value.last === null ? undefined : Number(value.last),
      min: Number(value.min),
      max: Number(value.max),
      mean: Number(value.mean)
    })
  }))
})
