/**
 * Kills processes that work on a target, and finds out whether what is promised held.
 *
 * First a run without any kill says what must come out and which fault points are passed. Then processes are killed at
 * every fault point (those that are passed only after a kill included), and at random: at any moment, and right after a
 * fault point, inside of what follows it. After each kill the store is held against the log of what the process knew,
 * against what stood there before, and against the run without a kill; then the work goes on.
 *
 * SIGKILL loses nothing that the system has taken: a missing fsync is not seen here.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import type { Violation } from "./CrashChecks.ts"
import * as CrashSession from "./CrashSession.ts"
import { load } from "./CrashTarget.ts"
import { race } from "./HolderRace.ts"
import { everyPoint, fullDisks, type Kill, randomKill, randomOf, type Session } from "./KillPlan.ts"

export interface CrashOptions {
  /** URL of the module that exports the target. */
  readonly target: string
  /** Kills to reach; every fault point is killed at whatever this says. */
  readonly kills: number
  /** Kills at single system calls besides, drawn at random; needs strace. Default 0. */
  readonly calls?: number | undefined
  /** What random kills are drawn from. */
  readonly seed: number
  /** Fault points to kill at. Default: all; fewer say nothing about the others. */
  readonly points?: ReadonlyArray<string> | undefined
  /** Passings of each fault point that are killed at, evenly spread over all. Default: 3, from 300 kills on 8. */
  readonly perPoint?: number | undefined
  /** Sessions at the same time. Default: as many as the machine has processors. */
  readonly parallel?: number | undefined
  /** Rounds in which two processes race for a run. Default 20. */
  readonly races?: number | undefined
  /** Whether a stopped holder is superseded and woken again; takes one lease. Default true. */
  readonly stops?: boolean | undefined
  /** Whether the folders of sessions in which something was wrong stay, to be looked at. Default true. */
  readonly keep?: boolean | undefined
  /** Called with what happens, in a line. */
  readonly onProgress?: ((line: string) => void) | undefined
}

export interface CrashReport {
  readonly target: string
  readonly seed: number
  /** Processes that were killed while they worked. */
  readonly kills: number
  readonly killsAtPoints: number
  readonly killsAtRandom: number
  readonly killsAtCalls: number
  /** System calls by which the work without a kill changes files. */
  readonly calls: number
  readonly sessions: number
  /** Processes that ended because the disk was full, told so, and were gone on from. */
  readonly refusals: number
  /** Fault points that the target declares, and those at which a process was killed. */
  readonly points: number
  readonly pointsHit: number
  /** Lines of what processes knew to be done, each held against the store. */
  readonly expectedLines: number
  readonly races: number
  readonly lost: number
  readonly repeated: number
  readonly torn: number
  readonly differing: number
  readonly stuck: number
  readonly violations: ReadonlyArray<Violation>
  readonly seconds: number
}

/** Works through tasks, some at the same time. */
const pool = async <A>(tasks: Iterable<() => Promise<A>>, parallel: number): Promise<void> => {
  const iterator = tasks[Symbol.iterator]()
  await Promise.all(Array.from({ length: parallel }, async () => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await next.value()
  }))
}

/** Kills until `kills` is reached; the report tells everything that was wrong. Rejects when nothing can be tried at all. */
export const crash = async (options: CrashOptions): Promise<CrashReport> => {
  const { calls = 0, keep = true, onProgress = () => {}, parallel = availableParallelism(), perPoint = options.kills < 300 ? 3 : 8, races = 20, seed, stops = true } = options
  const begun = performance.now()
  const target = await load(options.target)
  const root = await mkdtemp(join(tmpdir(), "uniflow-crash-"))
  const child = { cache: join(root, "compiled") }
  let count = 0
  const placeOf = (name: string): CrashSession.Place => ({ folder: join(root, `${name}-${++count}`), target, targetUrl: options.target, options: child })

  // Twice: the second start finds its code compiled, and tells how long the work takes.
  await CrashSession.uninterrupted(placeOf("first"))
  const expected = await CrashSession.uninterrupted(placeOf("uninterrupted"))
  onProgress(`uninterrupted: ${Math.round(expected.workMs)} ms, ${expected.passings.size} fault points passed`)

  const violations: Array<Violation> = []
  const hit = new Set<string>()
  const seen = new Set(expected.passings.keys())
  let killsAtPoints = 0
  let killsAtCalls = 0
  let kills = 0
  let sessions = 0
  let refusals = 0
  let expectedLines = 0
  const run = async (session: Session): Promise<CrashSession.SessionOutcome> => {
    const outcome = await CrashSession.go(placeOf("session"), session, expected.end)
    sessions++
    refusals += outcome.refusals
    const step = Math.floor((kills + outcome.kills) / 50) - Math.floor(kills / 50)
    kills += outcome.kills
    killsAtPoints += outcome.hit.length
    expectedLines += outcome.lines
    for (const point of outcome.hit) hit.add(point)
    violations.push(...outcome.violations)
    for (const { kind, what } of outcome.violations.slice(0, 3)) onProgress(`${kind}: ${what}`)
    if (outcome.violations.length > 3) onProgress(`… and ${outcome.violations.length - 3} more of this session`)
    if (session.some(({ at }) => at === "call")) killsAtCalls += outcome.kills
    if (step > 0) onProgress(`${kills} kills, ${hit.size} of ${target.faultPoints.length} points, ${violations.length} violations`)
    return outcome
  }

  const holders = races === 0 && !stops ? [] : race({ place: placeOf("race"), rounds: races, stops, seed }).catch((error: unknown): ReadonlyArray<Violation> => [
    { kind: "stuck", what: `The race for runs could not be held: ${String(error)}` }
  ])

  // Points that recovery alone passes are reached by two kills, the second in the process after the first.
  const recoveries = new Map<string, { readonly first: Kill; readonly count: number }>()
  const at = (kill: Kill) => async (): Promise<void> => {
    const { recovery } = await run([kill])
    for (const [point, count] of recovery) if (!seen.has(point) && !recoveries.has(point)) recoveries.set(point, { first: kill, count })
  }
  const wanted = new Set(options.points ?? target.faultPoints)
  const first = new Map([...expected.passings].filter(([point]) => wanted.has(point)))
  await pool(everyPoint(first, perPoint).map(at), parallel)
  const chained = [...recoveries].filter(([point]) => wanted.has(point)).flatMap(([point, { count, first }]) =>
    everyPoint(new Map([[point, count]]), perPoint).map((second) => () => run([first, second])))
  for (const point of recoveries.keys()) seen.add(point)
  await pool(chained, parallel)

  const full = new Map((target.fullPoints ?? []).flatMap((point): ReadonlyArray<[string, number]> => wanted.has(point) ? [[point, expected.passings.get(point) ?? 0]] : []))
  await pool(fullDisks(full, perPoint).map((disk) => () => run([disk])), parallel)

  const random = randomOf(seed)
  const made = calls === 0 ? [] : await CrashSession.systemCalls(placeOf("calls"))
  const oneCall = (): Kill => ({ at: "call", call: made[Math.floor(random() * made.length)]! })
  const atCalls = made.length === 0 ? [] : Array.from({ length: Math.ceil(calls / 2) }, (): Session => [oneCall(), oneCall()])
  await pool(atCalls.map((session) => () => run(session)), parallel)

  const more = function*(): Generator<() => Promise<unknown>> {
    while (kills - killsAtCalls < options.kills) {
      const length = 1 + Math.floor(random() * 4)
      yield () => run(Array.from({ length }, () => randomKill(random, expected.passings, expected.workMs)))
    }
  }
  await pool(more(), parallel)

  const declared = new Set(target.faultPoints)
  for (const point of wanted) if (!hit.has(point)) violations.push({ kind: "unhit", what: `no process was killed at ${point}` })
  for (const point of seen) if (!declared.has(point)) violations.push({ kind: "unhit", what: `${point} was passed, and the target does not declare it` })
  violations.push(...await holders)

  const counted = (kind: Violation["kind"]): number => violations.filter((violation) => violation.kind === kind).length
  if (violations.length === 0 || !keep) await rm(root, { recursive: true, force: true })
  return {
    target: target.name,
    seed,
    kills,
    killsAtPoints,
    killsAtRandom: kills - killsAtPoints - killsAtCalls,
    killsAtCalls,
    calls: made.length,
    sessions,
    refusals,
    points: declared.size,
    pointsHit: [...hit].filter((point) => declared.has(point)).length,
    expectedLines,
    races,
    lost: counted("lost"),
    repeated: counted("repeated"),
    torn: counted("torn"),
    differing: counted("differs"),
    stuck: counted("stuck"),
    violations,
    seconds: Math.round((performance.now() - begun) / 100) / 10
  }
}
