/**
 * One place that is worked on, killed, looked at and worked on again, until everything is done and compared.
 */
import { mkdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { type ChildOptions, type ChildProcess, type Ended, start } from "./ChildProcess.ts"
import type { Fault, Said } from "./ChildRequest.ts"
import { afterKill, atEnd, type Violation } from "./CrashChecks.ts"
import type { CrashTarget } from "./CrashTarget.ts"
import * as ExpectedLog from "./ExpectedLog.ts"
import { describe, type Kill, type Passings, passingsOf, type Session } from "./KillPlan.ts"
import * as Observation from "./Observation.ts"
import { callsOf, killing, listing, type SystemCall } from "./SystemCalls.ts"

export interface Place {
  readonly folder: string
  readonly target: CrashTarget
  readonly targetUrl: string
  readonly options: ChildOptions
}

/** What came of a session. */
export interface SessionOutcome {
  /** Kills that met a living process. */
  readonly kills: number
  /** Processes that ended because the disk was full. */
  readonly refusals: number
  /** Points at which the process ended itself. */
  readonly hit: ReadonlyArray<string>
  /** What the process passed after the last kill. */
  readonly recovery: Passings
  /** Lines of the expected-state log. */
  readonly lines: number
  readonly violations: ReadonlyArray<Violation>
}

const pathsOf = (folder: string) => ({
  place: join(folder, "store"),
  copy: join(folder, "copy"),
  log: join(folder, "expected.log"),
  trace: join(folder, "trace")
})

const isReady = (said: Said): said is Extract<Said, { said: "ready" }> => said.said === "ready"
const isPassed = (said: Said): said is Extract<Said, { said: "passed" }> => said.said === "passed"

/** Waits more exactly than a timer does: kills are meant to land inside single operations. */
const waitMs = async (ms: number): Promise<void> => {
  const until = performance.now() + ms
  if (ms > 20) await new Promise((resolve) => setTimeout(resolve, ms - 10))
  while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve))
}

const work = ({ folder, options, targetUrl }: Place, fault: Fault | null, under?: ReadonlyArray<string>): ChildProcess => {
  const { log, place, trace } = pathsOf(folder)
  return start({ target: targetUrl, place, mode: "work", log, trace, fault }, { ...options, under })
}

const killed = async (place: Place, kill: Kill): Promise<Ended> => {
  if (kill.at === "call") return work(place, null, killing(kill.call)).ended
  const child = work(place, kill.at === "moment" ? null : kill.fault)
  if (kill.at === "moment") await child.until(isReady)
  if (kill.at === "after") await child.until(isPassed)
  if (kill.at === "after" || kill.at === "moment") {
    await waitMs(kill.delayMs)
    child.signal("SIGKILL")
  }
  return child.ended
}

const stuck = ({ failure }: Ended, when: string): ReadonlyArray<Violation> =>
  failure === undefined ? [] : [{ kind: "stuck", what: `${when}, the process ended in ${failure.tag}: ${failure.message}` }]

/** Works without any kill, and tells how long it took. */
export const uninterrupted = async (place: Place): Promise<{ readonly end: Observation.Observation; readonly passings: Passings; readonly workMs: number }> => {
  const { copy, place: store, trace } = pathsOf(place.folder)
  await mkdir(store, { recursive: true })
  const child = work(place, null)
  await child.until(isReady)
  const begun = performance.now()
  const { failure } = await child.ended
  const workMs = performance.now() - begun
  if (failure !== undefined) throw new Error(`The uninterrupted run ended in ${failure.tag}: ${failure.message}`)
  const end = await Observation.take(place.target, store, copy)
  return { end, passings: passingsOf(await readFile(trace, "utf8")), workMs }
}

/** The system calls by which the work changes files. */
export const systemCalls = async (place: Place): Promise<ReadonlyArray<SystemCall>> => {
  const list = join(place.folder, "calls")
  await mkdir(pathsOf(place.folder).place, { recursive: true })
  const { failure } = await work(place, null, listing(list)).ended
  if (failure !== undefined) throw new Error(`Under strace the work ended in ${failure.tag}: ${failure.message}`)
  return callsOf(await readFile(list, "utf8"))
}

/** Goes through a session; the folder is removed when nothing was wrong. */
export const go = async (place: Place, session: Session, expected: Observation.Observation): Promise<SessionOutcome> => {
  const { copy, log, place: store, trace } = pathsOf(place.folder)
  await mkdir(store, { recursive: true })
  const violations: Array<Violation> = []
  const hit: Array<string> = []
  let kills = 0
  let refusals = 0
  let before: Observation.Observation | undefined
  let sinceLine = 0
  const look = async (): Promise<void> => {
    const lines = ExpectedLog.read(log)
    const now = await Observation.take(place.target, store, copy)
    violations.push(...afterKill({ before, now, log: lines, sinceLine, uninterrupted: expected }))
    before = now
    sinceLine = lines.length
  }
  try {
    for (const kill of session) {
      const ended = await killed(place, kill)
      if (kill.at === "full" && ended.failure?.tag === "StoreError Full") refusals++
      else violations.push(...stuck(ended, `After kill ${kills}`))
      if (ended.killed) {
        kills++
        if (kill.at === "point") hit.push(kill.fault.point)
      }
      await look()
      if (!ended.killed && kill.at !== "full") break
    }
    await rm(trace, { force: true })
    const last = await work(place, null).ended
    violations.push(...stuck(last, "In the end"))
    await look()
    violations.push(...atEnd(expected, before!, await place.target.leftovers?.(store) ?? []))
  } catch (error) {
    violations.push({ kind: "torn", what: `What was left cannot be read: ${error instanceof Error ? error.stack : String(error)}` })
  }
  const recovery = passingsOf(await readFile(trace, "utf8").catch(() => ""))
  await place.target.dispose?.(store)
  if (violations.length === 0) await rm(place.folder, { recursive: true, force: true })
  const name = session.map(describe).join(", ")
  return {
    kills,
    refusals,
    hit,
    recovery,
    lines: sinceLine,
    violations: violations.map(({ kind, what }) => ({ kind, what: `[${name}] ${what} (see ${place.folder})` }))
  }
}
