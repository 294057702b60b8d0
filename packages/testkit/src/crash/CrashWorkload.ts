/**
 * The work that is killed: pipelines that make a store write in every way it has, and end the same whatever happens.
 *
 * Outputs inline, as a file and as several pieces of one; items of a map; manual checkpoints of two sizes in a loop with
 * metric points and random numbers; artifacts from bytes, text and a stream; a result taken from another run; a step that
 * is skipped, one that is retried, one without an output; a run that is removed, and its garbage collected.
 *
 * Every step has a version: another state of the source files must not be a reason to execute a step again.
 */
import { Metrics, Pipeline, Step, Tracker, Runner, type StepContext, type Uniflow } from "@uniflow/core"
import { Effect, Schema, Stream } from "effect"
import type { ExpectedLog } from "./ExpectedLog.ts"

/** Runs that are there at the end, in the order in which they are worked on. */
export const RUNS = ["first", "second"] as const

/** The run that is removed when it is completed. */
export const SCRAP = "scrap"

const EPOCHS = 6
const POINTS_PER_EPOCH = 5000
const BEATS = 30

/** Series that tell which attempt logged a point: together they hold the same points whatever happened. */
export const isAttemptKey = (key: string): boolean => key.startsWith("attempt ")

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const numbers = (count: number, seed: number): Float64Array => Float64Array.from({ length: count }, (_, i) => Math.sin(i * 0.37 + seed) * seed)

const bytesOf = (count: number, seed: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => (i * 31 + seed * 7 + (i >> 8)) & 255)

type Told = Pick<StepContext, "runId" | "step" | "attempt">

const pipelinesOf = (log: ExpectedLog) => {
  const at = ({ attempt, runId, step }: Told) => ({ run: runId, address: step, attempt })
  const begin = (context: Told): void => log.write({ event: "begin", ...at(context) })
  const byAttempt = ({ attempt, metrics }: StepContext, index: number): void => metrics.log({ [`attempt ${attempt}`]: index }, { index })
  const rate = { rate: Schema.Number }

  const small = Step.make("small", {
    version: "1",
    run: (context) => {
      begin(context)
      context.log("a line of the first step")
      return { text: "small", at: new Date(0), numbers: [NaN, -0, 1] }
    }
  })

  const load = Step.make("load", {
    version: "1",
    cache: true,
    run: async (context) => {
      begin(context)
      byAttempt(context, 0)
      const { digest } = await context.artifacts.put("loaded.bin", bytesOf(20_000, 3))
      log.write({ event: "put", ...at(context), name: "loaded.bin", digest })
      context.metrics.log({ rows: 5000 })
      return numbers(5000, 2)
    }
  })

  const big = Step.make("big", {
    version: "1",
    inputs: { small },
    run: (context) => {
      begin(context)
      return { first: numbers(200_000, 5), second: numbers(150_000, 6) }
    }
  })

  const nothing = Step.make("nothing", {
    version: "1",
    inputs: { small },
    run: (context): void => begin(context)
  })

  const skipped = Step.make("skipped", {
    version: "1",
    inputs: { nothing },
    when: ({ inputs }) => inputs.nothing !== undefined,
    run: (context) => {
      begin(context)
      return 1
    }
  })

  const failedOnce = new Set<string>()
  const flaky = Step.make("flaky", {
    version: "1",
    inputs: { skipped },
    retry: { times: 2, delay: 5 },
    run: (context) => {
      begin(context)
      context.metrics.log({ tries: context.random.next() })
      const key = `${context.runId} ${context.attempt}`
      if (!failedOnce.has(key)) {
        failedOnce.add(key)
        throw new Error("the first try fails")
      }
      return "second try"
    }
  })

  const items = Step.make("items", {
    version: "1",
    inputs: { small },
    run: (context) => {
      begin(context)
      return Array.from({ length: 9 }, (_, i) => ({ id: i === 8 ? 0 : i }))
    }
  })

  const embed = Step.map("embed", {
    version: "1",
    over: items,
    inputs: { load },
    concurrency: 3,
    run: async (context) => {
      begin(context)
      const { id } = context.item
      context.metrics.log({ norm: context.random.normal() })
      context.log(`item ${id}`)
      byAttempt(context, id)
      await pause(4)
      return id % 3 === 0 ? { vector: numbers(3000, id + 1) } : { vector: numbers(8, id + 1), drawn: context.random.next() }
    }
  })

  const train = Step.make("train", {
    version: "1",
    inputs: { data: load },
    params: { ...rate, epochs: Schema.Number },
    run: async (context) => {
      begin(context)
      const { checkpoint, inputs, metrics, params, random } = context
      const loaded = (name: string, version: number): void => log.write({ event: "loaded", ...at(context), name, version })
      const saved = (name: string, version: number): void => log.write({ event: "saved", ...at(context), name, version })
      const kept = await checkpoint.latest<{ epoch: number; weights: Array<number> }>("model")
      loaded("model", kept?.epoch ?? 0)
      let { epoch, weights } = kept ?? { epoch: 0, weights: Array.from({ length: 40 }, () => random.normal()) }
      while (epoch < params.epochs) {
        byAttempt(context, epoch)
        for (let i = 0; i < POINTS_PER_EPOCH; i++) {
          metrics.log({ loss: random.next() + inputs.data[i]! })
          if (i === POINTS_PER_EPOCH >> 1) await pause(50)
        }
        weights = weights.map((weight) => weight + params.rate * random.normal())
        metrics.log({ weight: weights[0]! }, { index: epoch * 10 })
        context.progress(++epoch, params.epochs)
        await pause(50)
        if (epoch % 3 === 0) {
          await checkpoint.save("snapshot", { epoch, all: numbers(4000, epoch) })
          saved("snapshot", epoch / 3)
        }
        if (epoch === 2) await checkpoint.save("hint", "for the beginning")
        if (epoch === 5) await checkpoint.remove("hint")
        await checkpoint.save("model", { epoch, weights })
        saved("model", epoch)
      }
      return { weights }
    }
  })

  // Long enough for points to be recorded before they are final.
  const slow = Step.make("slow", {
    version: "1",
    inputs: { small },
    run: async (context) => {
      begin(context)
      for (let beat = 0; beat < BEATS; beat++) {
        byAttempt(context, beat)
        await pause(20)
      }
      return "slow"
    }
  })

  const report = Step.make("report", {
    version: "1",
    inputs: { train, flaky },
    run: (context) =>
      Effect.gen(function*() {
        begin(context)
        const tracker = yield* Tracker
        yield* tracker.metrics({ [`attempt ${context.attempt}`]: 0 }, { index: 0 })
        const put = Effect.fnUntraced(function*(name: string, content: Parameters<typeof tracker.artifact>[1]) {
          const { digest } = yield* tracker.artifact(name, content)
          log.write({ event: "put", ...at(context), name, digest })
        })
        yield* put("report.txt", `trained for ${context.inputs.train.weights.length} weights`)
        yield* put("pieces.bin", Stream.fromIterable([bytesOf(300_000, 1), bytesOf(300_000, 2), bytesOf(10, 3)]))
        // The same bytes as another step's: refreshed, not written.
        yield* put("again.bin", bytesOf(20_000, 3))
        yield* tracker.log("reported", "warn")
        yield* tracker.metrics({ done: 1 })
        return { lines: 3 }
      })
  })

  const total = Step.make("total", {
    version: "1",
    inputs: { big, embed, report, nothing, slow },
    params: rate,
    run: (context) => {
      begin(context)
      const { big, embed, report } = context.inputs
      return Metrics.create({ sum: big.first[7]! + embed.length + report.lines, rate: context.params.rate })
    }
  })

  const scrap = Step.make("scrap", {
    version: "1",
    run: async (context) => {
      begin(context)
      await context.artifacts.put("scrap.bin", bytesOf(30_000, 99))
      return numbers(3000, 77)
    }
  })

  return {
    work: Pipeline.make("crash-work", { steps: [total], goals: { sum: "maximize" } }),
    scrap: Pipeline.make("crash-scrap", { steps: [scrap] })
  }
}

/** Names of the steps that a step reads, of every step that the workload has. */
export const inputsOf = (): ReadonlyMap<string, ReadonlyArray<string>> => {
  const { scrap, work } = pipelinesOf({ write: () => {}, close: () => {} })
  return new Map([...work.steps, ...scrap.steps].map(({ definition, name }) => [
    name,
    [...Object.values(definition.inputs), ...(definition.over === undefined ? [] : [definition.over])].map((input) => input.name)
  ]))
}

/** Does all the work on a store, or what is left of it. */
export const perform = async (uniflow: Uniflow.Uniflow, log: ExpectedLog): Promise<void> => {
  const pipelines = pipelinesOf(log)
  const run = async <P extends Pipeline.Any>(pipeline: P, runId: string, params: Pipeline.Params<P>): Promise<void> => {
    const asked = performance.now()
    const onStart = ({ attempt }: { readonly attempt: number }): void =>
      log.write({ event: "taken", run: runId, attempt, ms: performance.now() - asked })
    await uniflow.runPromise(Effect.flatMap(Runner.Runner, (runner) => runner.run(pipeline as Pipeline.Any, params, { runId, seed: 7, onStart })) as Effect.Effect<unknown, unknown, Runner.Runner>)
    log.write({ event: "completed", run: runId })
  }
  await run(pipelines.work, "first", { rate: 0.1, epochs: EPOCHS })
  await run(pipelines.work, "second", { rate: 0.2, epochs: 3 })
  await run(pipelines.scrap, SCRAP, {})
  log.write({ event: "removing", run: SCRAP })
  await uniflow.runs.remove(SCRAP)
  // Older than the last write: by a millisecond is enough.
  await pause(3)
  await uniflow.gc({ grace: 0 })
}
