/**
 * Processes that want the same run: exactly one works on it, the other is told who does; a stopped one that wakes up
 * after it was superseded records nothing more.
 */
import { mkdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { type ChildProcess, start } from "./ChildProcess.ts"
import type { Said } from "./ChildRequest.ts"
import type { Violation } from "./CrashChecks.ts"
import type { Place } from "./CrashSession.ts"
import { randomOf } from "./KillPlan.ts"
import * as Observation from "./Observation.ts"

export interface RaceOptions {
  readonly place: Place
  readonly rounds: number
  readonly stops: boolean
  readonly seed: number
}

type Entered = Extract<Said, { said: "entered" }>
type RunEnded = Extract<Said, { said: "ended" }>

const isEntered = (run: string) => (said: Said): said is Entered => said.said === "entered" && said.run === run
const isEnded = (run: string) => (said: Said): said is RunEnded => said.said === "ended" && said.run === run

/** Longer than a lease (15 s) and whatever comes on top of it, in milliseconds. */
const SUPERSEDED_MS = 40_000

/** Every third round the run is left behind by a process that was killed. */
const isInherited = (round: number): boolean => round % 3 === 2

/** Holds all rounds; gives what was wrong. Rejects when a process ends by itself. */
export const race = async ({ place, rounds, seed, stops }: RaceOptions): Promise<ReadonlyArray<Violation>> => {
  const violations: Array<Violation> = []
  const random = randomOf(seed)
  const store = join(place.folder, "store")
  await mkdir(store, { recursive: true })
  const hold = (): ChildProcess =>
    start(
      { target: place.targetUrl, place: store, mode: "hold", log: join(place.folder, "expected.log"), trace: join(place.folder, "trace"), fault: null },
      { ...place.options, limitMs: 30 * 60_000 }
    )

  const expect = async <S extends Said>(child: ChildProcess, fits: (said: Said) => said is S): Promise<S> => {
    const said = await child.until(fits)
    if (said === undefined) throw new Error(`process ${child.pid} ended: ${JSON.stringify((await child.ended).failure)}`)
    return said
  }

  const round = async (run: string, racers: readonly [ChildProcess, ChildProcess], inherited: boolean): Promise<void> => {
    if (inherited) {
      const victim = hold()
      victim.tell({ order: "run", run })
      await expect(victim, isEntered(run))
      victim.signal("SIGKILL")
      await victim.ended
    }
    const [a, b] = random() < 0.5 ? racers : [racers[1], racers[0]]
    a.tell({ order: "run", run })
    b.tell({ order: "run", run })
    const answers = await Promise.all(racers.map((racer) =>
      Promise.race([expect(racer, isEntered(run)), expect(racer, isEnded(run))])))
    const winners = racers.filter((_, n) => answers[n]!.said === "entered")
    for (const racer of racers) racer.tell({ order: "release", run })
    if (winners.length !== 1) {
      violations.push({ kind: "differs", what: `${winners.length} of two processes worked on run "${run}": ${JSON.stringify(answers)}` })
      return
    }
    const loser = answers.find((answer) => answer.said === "ended")
    if (loser?.said !== "ended" || loser.how !== "RunIsActive" || loser.holder !== winners[0]!.pid) {
      violations.push({ kind: "differs", what: `run "${run}" is held by process ${winners[0]!.pid}, and the other was told ${JSON.stringify(loser)}` })
    }
    const ended = await expect(winners[0]!, isEnded(run))
    if (ended.how !== "executed") violations.push({ kind: "differs", what: `run "${run}" ended as ${ended.how}` })
  }

  const stop = async (): Promise<void> => {
    const [sleeper, successor] = [hold(), hold()]
    const run = "stopped"
    sleeper.tell({ order: "run", run })
    await expect(sleeper, isEntered(run))
    sleeper.signal("SIGSTOP")
    const until = performance.now() + SUPERSEDED_MS
    let refused = 0
    for (;;) {
      const before = successor.said.length
      successor.tell({ order: "run", run })
      const since = (said: Said): said is Entered | RunEnded => successor.said.indexOf(said) >= before && (isEntered(run)(said) || isEnded(run)(said))
      const answer = await expect(successor, since)
      if (answer.said === "entered") break
      refused++
      if (answer.how !== "RunIsActive" || answer.holder !== sleeper.pid || performance.now() > until) {
        violations.push({ kind: "stuck", what: `a stopped process was not superseded: ${JSON.stringify(answer)}` })
        break
      }
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    if (refused === 0) violations.push({ kind: "differs", what: "a process that was stopped for a moment lost its run" })
    // It wakes up while the other works, and wants to go on.
    sleeper.signal("SIGCONT")
    sleeper.tell({ order: "release", run })
    const woken = await expect(sleeper, isEnded(run))
    if (woken.how !== "StoreError LeaseLost") violations.push({ kind: "differs", what: `a process that was superseded ended in ${woken.how}` })
    successor.tell({ order: "release", run })
    await successor.until((said): said is RunEnded => isEnded(run)(said) && said.how !== "RunIsActive")
    for (const child of [sleeper, successor]) child.tell({ order: "close" })
    await Promise.all([sleeper.ended, successor.ended])
  }

  const racers = [hold(), hold()] as const
  const stopping = stops ? stop() : Promise.resolve()
  for (let n = 0; n < rounds; n++) await round(`race-${n}`, racers, isInherited(n))
  for (const racer of racers) racer.tell({ order: "close" })
  await Promise.all([...racers.map(({ ended }) => ended), stopping])

  const { attempts, runs } = await Observation.take(place.target, store, join(place.folder, "copy"))
  for (let n = 0; n < rounds; n++) {
    const inherited = isInherited(n)
    const statuses = attempts.get(`race-${n}`)?.join(", ")
    if (statuses !== (inherited ? "crashed, completed" : "completed")) violations.push({ kind: "differs", what: `attempts of run "race-${n}" ended as ${statuses}` })
  }
  if (stops) {
    const statuses = attempts.get("stopped")?.join(", ")
    if (statuses !== "crashed, completed") violations.push({ kind: "differs", what: `attempts of run "stopped" ended as ${statuses}` })
    const [checkpoint] = runs.get("stopped")?.addresses.get("held")?.checkpoints ?? []
    if (checkpoint?.version !== 1) violations.push({ kind: "differs", what: "the checkpoint of the process that was superseded is not the other's" })
  }
  for (const [id, { damage }] of runs) violations.push(...damage.map((what): Violation => ({ kind: "torn", what: `run "${id}": ${what}` })))
  if (violations.length === 0) await rm(place.folder, { recursive: true, force: true })
  return violations
}
