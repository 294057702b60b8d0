/** Runs a sweep and shows it: a line for each run that has ended, at the end a table of all. */
import process from "node:process"
import { escapeControls, formatCount, formatDuration, formatNumbers } from "@uniflow/compare"
import type { Pipeline, Sweep } from "@uniflow/core"
import type { Handler } from "../Context.ts"
import { ExitCode } from "../ExitCode.ts"
import { describeFailure, UsageError } from "../Failure.ts"
import { codeOfSignal, onStopSignal, type StopSignal } from "../Interruption.ts"
import { LiveBlock } from "../LiveBlock.ts"
import { lookOfStatus } from "../Look.ts"
import { withConfig } from "../openStore.ts"
import type { Output } from "../Output.ts"
import { parsePairs, readRunParams } from "../ParamValues.ts"
import { loadConfig, pipelineOf } from "../ProjectConfig.ts"
import { liveSweep, renderSweep, type SweepRow } from "../SweepTable.ts"

export interface SweepInput {
  readonly pipeline: string | undefined
  readonly grid: ReadonlyArray<string>
  readonly random: ReadonlyArray<string>
  readonly count: number | undefined
  readonly drawSeed: number | undefined
  readonly param: ReadonlyArray<string>
  readonly params: string | undefined
  readonly repeats: number | undefined
  readonly seeds: string | undefined
  readonly concurrency: number | undefined
  readonly id: string | undefined
  readonly experiment: string | undefined
  readonly tag: ReadonlyArray<string>
  readonly stopOnFailure: boolean
}

type Loose = { readonly [name: string]: unknown }

/** Values apart by commas, except those inside of JSON. */
const valuesIn = (text: string): ReadonlyArray<string> => {
  const values: Array<string> = []
  let depth = 0
  let quoted = false
  let begin = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (quoted) {
      if (c === "\\") i++
      else if (c === "\"") quoted = false
    } else if (c === "\"") quoted = true
    else if (c === "[" || c === "{") depth++
    else if (c === "]" || c === "}") depth--
    else if (c === "," && depth === 0) {
      values.push(text.slice(begin, i))
      begin = i + 1
    }
  }
  return [...values, text.slice(begin)]
}

const gridOf = async (pipeline: Pipeline.Any, given: ReadonlyArray<string>, cwd: string): Promise<{ readonly [name: string]: ReadonlyArray<unknown> }> => {
  const grid: Record<string, ReadonlyArray<unknown>> = {}
  for (const [name, text] of parsePairs("--grid", given)) {
    const values: Array<unknown> = []
    for (const value of valuesIn(text)) values.push((await readRunParams(pipeline, { pairs: [`${name}=${value}`], cwd }))[name])
    grid[name] = values
  }
  return grid
}

const distributionNames: { readonly [name: string]: string } = { uniform: "uniform", log: "logUniform", int: "int" }

const randomOf = (pipeline: Pipeline.Any, given: ReadonlyArray<string>): { readonly [name: string]: Loose } => {
  const random: Record<string, Loose> = {}
  for (const [name, text] of parsePairs("--random", given)) {
    if (!Object.hasOwn(pipeline.params, name)) throw new UsageError(`--random ${escapeControls(name)}: pipeline "${pipeline.name}" has no such param (it has: ${Object.keys(pipeline.params).join(", ") || "none"}).`)
    const match = /^(uniform|log|int):([^,]+),([^,]+)$/.exec(text)
    const bounds = match === null ? [] : [Number(match[2]), Number(match[3])]
    if (match === null || bounds.some((bound) => Number.isNaN(bound))) throw new UsageError(`--random ${escapeControls(name)}: write it as uniform:0,1 or log:0.0001,1 or int:1,9.`)
    random[name] = { [distributionNames[match[1]!]!]: bounds }
  }
  return random
}

const seedsOf = (text: string | undefined): ReadonlyArray<number> | undefined => {
  if (text === undefined) return undefined
  const seeds = text.split(",").map(Number)
  if (text.trim() === "" || seeds.some((seed) => !Number.isSafeInteger(seed))) throw new UsageError("--seeds must be whole numbers apart by commas: --seeds 1,2,3.")
  return seeds
}

/** The options that say which runs there are. */
const spaceOf = async (pipeline: Pipeline.Any, input: SweepInput, cwd: string): Promise<Sweep.Space<Loose>> => {
  const fixed = await readRunParams(pipeline, { pairs: input.param, file: input.params, cwd })
  const grid = await gridOf(pipeline, input.grid, cwd)
  const random = randomOf(pipeline, input.random)
  for (const name of [...Object.keys(grid), ...Object.keys(random)]) {
    if (Object.hasOwn(fixed, name) || (Object.hasOwn(grid, name) && Object.hasOwn(random, name))) throw new UsageError(`The param ${escapeControls(name)} is given in two ways.`)
  }
  if (Object.keys(random).length === 0) {
    if (input.count !== undefined || input.drawSeed !== undefined) throw new UsageError("--count and --draw-seed are for --random.")
    return { grid: { ...Object.fromEntries(Object.entries(fixed).map(([name, value]) => [name, [value]])), ...grid } }
  }
  const choices = Object.fromEntries(Object.entries(grid).map(([name, values]) => [name, { choice: values }]))
  const all = { ...Object.fromEntries(Object.entries(fixed).map(([name, value]) => [name, { choice: [value] }])), ...choices, ...random }
  return { random: all as Extract<Sweep.Space<Loose>, { readonly random: unknown }>["random"], count: input.count ?? 10, seed: input.drawSeed }
}

const symbolOf = { completed: "completed", failed: "failed", "not begun": "pending" } as const

const metricsOf = (run: Sweep.SweptRun): { readonly [name: string]: number } => (run.status === "completed" ? run.result.metrics : {})

const messageOf = (run: Sweep.SweptRun): string => (run.status === "failed" ? describeFailure(run.error).message.split("\n")[0]! : "")

const rowOf = (run: Sweep.SweptRun): SweepRow => ({ id: run.id, params: run.params as Loose, seed: run.seed, status: symbolOf[run.status], metrics: metricsOf(run), message: messageOf(run) })

const FRAME_MS = 100

/** The table of a sweep under way, redrawn in place. */
const drawLive = (output: Output) => {
  const begunAtMs = Date.now()
  const block = new LiveBlock(process.stdout, [process.stderr])
  const rows = new Map<string, SweepRow>()
  const ended: Array<SweepRow> = []
  const draw = (): void => {
    const [columns, height] = block.size
    block.draw(rows.size === 0 ? [] : liveSweep([...rows.values()], ended, Date.now() - begunAtMs, height, { columns, color: output.color }))
  }
  const timer = setInterval(draw, FRAME_MS)
  timer.unref()
  return {
    started: (run: Sweep.SweepRun, all: ReadonlyArray<Sweep.SweepRun>): void => {
      if (rows.size === 0) for (const one of all) rows.set(one.id, { ...one, status: "pending", metrics: {}, message: "" })
      rows.set(run.id, { ...rows.get(run.id)!, status: "running" })
    },
    ended: (run: Sweep.SweptRun): void => {
      const row = rowOf(run)
      rows.set(run.id, row)
      ended.push(row)
    },
    end: (): void => {
      clearInterval(timer)
      block.end([])
    }
  }
}

/** `uniflow sweep` */
export const sweep: Handler<SweepInput> = async (input, context) => {
  const { output } = context
  const tags = Object.fromEntries(parsePairs("--tag", input.tag))
  const seeds = seedsOf(input.seeds)
  const config = await loadConfig(context.cwd, context.config)
  const pipeline = pipelineOf(config, input.pipeline)
  const params = await spaceOf(pipeline, input, context.cwd)
  return withConfig(context, config, async (uniflow) => {
    const begunAtMs = Date.now()
    const controller = new AbortController()
    let received: StopSignal | undefined
    const release = onStopSignal((signal) => {
      received = signal
      output.remark(`Stopping, the sweep can be gone on with … (${signal === "SIGINT" ? "Ctrl-C" : signal} again to quit at once)`)
      controller.abort()
    })
    const live = output.live ? drawLive(output) : undefined
    let ended = 0
    const onRun = (run: Sweep.SweptRun): void => {
      ended++
      live?.ended(run)
      if (output.json) {
        output.jsonLine({
          _tag: "Run",
          runId: run.id,
          status: run.status,
          params: run.params,
          seed: run.seed,
          metrics: metricsOf(run),
          ...(run.status === "failed" ? { error: { code: describeFailure(run.error).code, message: describeFailure(run.error).message } } : {})
        })
      } else if (!output.quiet && live === undefined) {
        const look = lookOfStatus(symbolOf[run.status])
        const told = run.status === "failed" ? messageOf(run) : Object.entries(metricsOf(run)).filter(([name]) => !name.includes(".")).map(([name, value]) => `${name} ${formatNumbers([value])[0]}`).join("  ")
        output.line(`${output.tone(look.symbol, look.tone)} ${ended}  ${run.id}  ${escapeControls(told)}`)
      }
    }
    const { id: sweepId, concurrency, experiment, repeats, stopOnFailure } = input
    try {
      const result = await uniflow.sweep(pipeline, {
        params: params as Sweep.Space<Pipeline.Params<Pipeline.Any>>,
        repeats,
        seeds,
        concurrency,
        id: sweepId,
        experiment,
        tags,
        stopOnFailure,
        signal: controller.signal,
        onStart: live?.started,
        onRun
      })
      live?.end()
      const failed = result.runs.filter(({ status }) => status !== "completed").length
      const counts = { completed: result.runs.length - failed, failed: result.runs.filter(({ status }) => status === "failed").length, notBegun: result.runs.filter(({ status }) => status === "not begun").length }
      const exitCode = failed === 0 ? ExitCode.success : ExitCode.failed
      if (output.json) output.jsonLine({ _tag: "Result", sweep: result.id, exitCode, durationMs: Date.now() - begunAtMs, counts })
      else if (output.quiet) for (const run of result.runs) output.line(run.id)
      else {
        output.line(`\n${renderSweep(result.runs.map(rowOf), { columns: output.columns, color: output.color })}\n`)
        output.line(`${output.tone(lookOfStatus(failed === 0 ? "completed" : "failed").symbol, lookOfStatus(failed === 0 ? "completed" : "failed").tone)} ${formatCount(result.runs.length, "run")} of ${escapeControls(pipeline.name)} in ${formatDuration(Date.now() - begunAtMs)}${counts.failed === 0 ? "" : `, ${counts.failed} failed`}${counts.notBegun === 0 ? "" : `, ${counts.notBegun} not begun`}  ${output.tone(result.id, "faint")}`)
        output.line(output.tone(`  uniflow experiment list --tag sweep=${result.id}`, "faint"))
      }
      return exitCode
    } catch (error) {
      live?.end()
      if (received === undefined) throw error
      const code = codeOfSignal(received)
      if (output.json) output.jsonLine({ _tag: "Result", sweep: input.id ?? null, exitCode: code, durationMs: Date.now() - begunAtMs })
      else output.remark("Stopped. The same command again goes on with what is missing.")
      return code
    } finally {
      release()
    }
  })
}
