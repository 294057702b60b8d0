/**
 * Many runs of one pipeline: which params and seeds they have, and what came of them.
 *
 * A sweep is told by its content: the same one again has the same run ids, so it goes on where it was. Its runs carry its
 * id as the tag `sweep`. It does not say which run is better; comparison does.
 */
import { Effect, Equal } from "effect"
import type { HasherService } from "./Hasher.ts"
import { canonicalJson } from "./internal/canonicalJson.ts"
import type * as Pipeline from "./Pipeline.ts"
import { initialState, SeededStream } from "./RandomStream.ts"
import type { RunResult } from "./RunResult.ts"
import { InvalidInput } from "./UniflowError.ts"

/** How a value is drawn at random; bounds are inclusive for `int`, and the upper one is exclusive for the others. */
export type Distribution<A> =
  | { readonly choice: ReadonlyArray<A> }
  | (A extends number ? { readonly uniform: readonly [min: number, max: number] } | { readonly logUniform: readonly [min: number, max: number] } | { readonly int: readonly [min: number, max: number] } : never)

/** The params of a sweep's runs: every combination of a grid's values, values drawn at random, or each of a list. */
export type Space<T> =
  | { readonly grid: { readonly [K in keyof T]: ReadonlyArray<T[K]> } }
  | { readonly random: { readonly [K in keyof T]: Distribution<T[K]> }; readonly count: number; readonly seed?: number | undefined }
  | { readonly list: ReadonlyArray<T> }

export interface SweepOptions<P extends Pipeline.Any> {
  readonly params: Space<Pipeline.Params<P>>
  /** Runs with the same params, under the seeds 0, 1, …. Default 1. */
  readonly repeats?: number | undefined
  /** The seeds themselves, instead of `repeats`. */
  readonly seeds?: ReadonlyArray<number> | undefined
  /** Runs at the same time. Default 4. */
  readonly concurrency?: number | undefined
  /** Names the sweep: up to 100 letters, digits, `_` and `-`. Default: a hash of its pipeline's name, params and seeds. */
  readonly id?: string | undefined
  /** The group of runs that they belong to. Default: the pipeline's. */
  readonly experiment?: string | undefined
  readonly tags?: { readonly [key: string]: string } | undefined
  /** Begin no further run after one has failed. Default false: the others go on. */
  readonly stopOnFailure?: boolean | undefined
  /** Begins no further run when it is aborted, and stops those that run; the sweep rejects with `RunInterrupted` and can be gone on with. */
  readonly signal?: AbortSignal | undefined
  /** Called when a run of the sweep is about to begin, with all runs that the sweep has. */
  readonly onStart?: ((run: SweepRun, all: ReadonlyArray<SweepRun>) => void) | undefined
  /** Called when a run of the sweep has ended. */
  readonly onRun?: ((run: SweptRun<P>) => void) | undefined
}

/** One run of a sweep, before it begins. */
export interface SweepRun {
  readonly id: string
  readonly params: { readonly [name: string]: unknown }
  readonly seed: number
}

/** One run of a sweep, after it has ended. */
export type SweptRun<P extends Pipeline.Any = Pipeline.Any> =
  & { readonly id: string; readonly params: Pipeline.Params<P>; readonly seed: number }
  & (
    | { readonly status: "completed"; readonly result: RunResult<P> }
    | { readonly status: "failed"; readonly error: unknown }
    | { readonly status: "not begun" }
  )

export interface SweepResult<P extends Pipeline.Any = Pipeline.Any> {
  readonly id: string
  /** In the order of the params, those of one combination by seed. */
  readonly runs: ReadonlyArray<SweptRun<P>>
}

/** More runs than this are refused: a grid grows fast. */
const MOST_RUNS = 100_000

type Loose = { readonly [name: string]: unknown }

const wrong = (issue: string): InvalidInput => new InvalidInput({ what: "The sweep", issue })

const combinations = (grid: { readonly [name: string]: ReadonlyArray<unknown> }): ReadonlyArray<Loose> => {
  let all: ReadonlyArray<Loose> = [{}]
  for (const [name, values] of Object.entries(grid)) {
    if (!Array.isArray(values) || values.length === 0) throw wrong(`grid.${name} must be a list of values, at least one`)
    if (all.length * values.length > MOST_RUNS) throw wrong(`its grid has more than ${MOST_RUNS} combinations`)
    all = all.flatMap((params) => values.map((value): Loose => ({ ...params, [name]: value })))
  }
  return all
}

const bounds = (name: string, given: unknown): readonly [number, number] => {
  const [min, max] = Array.isArray(given) ? given as ReadonlyArray<unknown> : []
  if (typeof min !== "number" || typeof max !== "number" || !(Number.isFinite(min) && Number.isFinite(max) && min <= max)) {
    throw wrong(`random.${name} needs two finite numbers, the smaller one first`)
  }
  return [min, max]
}

const draw = (name: string, how: Loose, stream: SeededStream): unknown => {
  if (Array.isArray(how["choice"]) && how["choice"].length > 0) return stream.pick(how["choice"])
  if ("uniform" in how) {
    const [min, max] = bounds(name, how["uniform"])
    return min + (max - min) * stream.next()
  }
  if ("logUniform" in how) {
    const [min, max] = bounds(name, how["logUniform"])
    if (min <= 0) throw wrong(`random.${name} is drawn on a logarithmic scale, and needs bounds above 0`)
    return Math.exp(Math.log(min) + (Math.log(max) - Math.log(min)) * stream.next())
  }
  if ("int" in how) {
    const [min, max] = bounds(name, how["int"])
    if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max)) throw wrong(`random.${name} needs whole numbers`)
    return stream.int(min, max)
  }
  throw wrong(`random.${name} must be one of { uniform }, { logUniform }, { int } and { choice }`)
}

const paramsOf = (space: Space<Loose>, hasher: HasherService): ReadonlyArray<Loose> => {
  if ("grid" in space) return combinations(space.grid)
  if ("list" in space) return space.list
  const { count, random, seed = 0 } = space
  if (!(Number.isInteger(count) && count >= 1 && count <= MOST_RUNS)) throw wrong(`count must be a whole number from 1 to ${MOST_RUNS}`)
  // A stream of its own for each param: another param changes no other's values.
  const streams = Object.entries(random).map(([name, how]) => [name, how as Loose, new SeededStream(initialState(hasher, seed, `sweep ${name}`))] as const)
  return Array.from({ length: count }, () => Object.fromEntries(streams.map(([name, how, stream]) => [name, draw(name, how, stream)])))
}

const seedsOf = ({ repeats, seeds }: Pick<SweepOptions<Pipeline.Any>, "repeats" | "seeds">): ReadonlyArray<number> => {
  if (seeds !== undefined && repeats !== undefined) throw wrong("give repeats or seeds, not both")
  if (seeds !== undefined) {
    if (seeds.length === 0 || !seeds.every((seed) => Number.isSafeInteger(seed)) || new Set(seeds).size < seeds.length) throw wrong("seeds must be different whole numbers, at least one")
    return seeds
  }
  const count = repeats ?? 1
  if (!(Number.isInteger(count) && count >= 1 && count <= MOST_RUNS)) throw wrong(`repeats must be a whole number from 1 to ${MOST_RUNS}`)
  return Array.from({ length: count }, (_, i) => i)
}

/** A param as text that tells values apart; what JSON does not hold by its type and text. */
const told = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.getPrototypeOf(value) === Object.prototype
    ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, told(one)]))
    : Array.isArray(value)
    ? value.map(told)
    : value instanceof Date
    ? ["date", told(value.getTime())]
    : typeof value === "string" || typeof value === "boolean" || value === null || (typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0))
    ? value
    : [typeof value, String(value)]

/** The runs of a sweep, in order. Fails with `InvalidInput` for what cannot be one. */
export const plan = (
  pipeline: Pipeline.Any,
  options: Pick<SweepOptions<Pipeline.Any>, "params" | "repeats" | "seeds" | "id">,
  hasher: HasherService
): Effect.Effect<{ readonly id: string; readonly runs: ReadonlyArray<SweepRun> }, InvalidInput> =>
  Effect.try({
    try: () => {
      const all = paramsOf(options.params as Space<Loose>, hasher)
      const seeds = seedsOf(options)
      if (all.length === 0) throw wrong("its list is empty")
      if (all.length * seeds.length > MOST_RUNS) throw wrong(`it would have more than ${MOST_RUNS} runs`)
      const texts = all.map((params) => canonicalJson(told(params)))
      const id = options.id ?? `sweep-${hasher.text(`uniflow sweep 1\n${canonicalJson([pipeline.name, texts, seeds])}`).slice(0, 12)}`
      if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(id)) throw wrong("its id must have 1 to 100 letters, digits, _ or -, and begin with a letter or digit")
      const runs = new Map<string, SweepRun>()
      for (const [i, params] of all.entries()) {
        for (const seed of seeds) {
          const runId = `${id}-${hasher.text(`${texts[i]}\n${seed}`).slice(0, 12)}`
          const same = runs.get(runId)
          if (same !== undefined && !Equal.equals(same.params, params)) throw wrong(`values that differ cannot be told apart by their text, ${texts[i]}; sweep over their names`)
          // The same params again are the same run.
          runs.set(runId, { id: runId, params, seed })
        }
      }
      return { id, runs: [...runs.values()] }
    },
    catch: (error) => error instanceof InvalidInput ? error : wrong(String(error))
  })
