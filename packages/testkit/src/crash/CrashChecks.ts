/**
 * What must hold after a kill and at the end. Pure: what was observed, what the log knows, and what an uninterrupted run
 * left are held against each other, and every contradiction is told.
 */
import { differences } from "../internal/differences.ts"
import { inputsOf, isAttemptKey, RUNS } from "./CrashWorkload.ts"
import type { ExpectedLine } from "./ExpectedLog.ts"
import type { Observation } from "./Observation.ts"
import { type AddressPortrait, isCompleted, type RunPortrait } from "./RunPortrait.ts"

/**
 * `lost`: recorded or reported as done, and not there any more. `repeated`: recorded complete, and executed again.
 * `torn`: half of something. `differs`: not what the uninterrupted run recorded. `stuck`: a process could not go on.
 * `unhit`: a fault point that was never reached, or that nobody declared.
 */
export interface Violation {
  readonly kind: "lost" | "repeated" | "torn" | "differs" | "stuck" | "unhit"
  readonly what: string
}

/** The longest that taking the run of a dead process may take, in milliseconds; far below a lease. */
const TAKEN_MS = 5000

const inputs = inputsOf()

/** How often a step's function is entered in one attempt. */
const entries = (step: string): number => step === "flaky" ? 2 : 1

const stepOf = (address: string): string => address.split("[")[0]!

/**
 * Puts the series of single attempts together, by index. Attempts differ between runs; what they logged together does
 * not, and a point that was logged by an attempt that had to be repeated would stand there twice.
 */
const joinAttempts = ({ checkpoints, lines: _, series, ...rest }: AddressPortrait) => {
  const own = series.filter(({ key }) => isAttemptKey(key))
  const points = own.flatMap(({ indexes, values }) => Array.from(indexes, (index, i) => ({ index, value: values[i] })))
  return {
    ...rest,
    series: series.filter(({ key }) => !isAttemptKey(key)),
    attempts: points.sort((a, b) => a.index - b.index),
    checkpoints: checkpoints.map(({ position, ...checkpoint }) => {
      const counts = Object.entries(position.points)
      return {
        ...checkpoint,
        ...position,
        points: Object.fromEntries(counts.filter(([key]) => !isAttemptKey(key))),
        attempts: counts.reduce((sum, [key, { count }]) => isAttemptKey(key) ? sum + count : sum, 0)
      }
    })
  }
}

/** Where a completed address differs from the same in an uninterrupted run. */
const addressDifferences = (where: string, expected: AddressPortrait | undefined, actual: AddressPortrait): ReadonlyArray<string> => {
  if (expected === undefined) return [`${where} is not part of an uninterrupted run`]
  // A step that went on from a checkpoint logs its later lines only.
  const lines = actual.checkpoints.length === 0 ? expected.lines : expected.lines.slice(expected.lines.length - actual.lines.length)
  return [...differences(joinAttempts(expected), joinAttempts(actual), where), ...differences(lines, actual.lines, `${where}.lines`)]
}

/** Where the points and checkpoints of an unfinished address are not the beginning of what they will be. */
const unfinishedDamage = (where: string, expected: AddressPortrait | undefined, actual: AddressPortrait): ReadonlyArray<string> => {
  const found: Array<string> = []
  const attempts = joinAttempts(actual).attempts
  found.push(...differences(expected === undefined ? [] : joinAttempts(expected).attempts.slice(0, attempts.length), attempts, `${where}.attempts`))
  for (const series of actual.series) {
    if (isAttemptKey(series.key)) continue
    const whole = expected?.series.find(({ generation, key }) => generation === series.generation && key === series.key)
    if (whole === undefined) found.push(`${where} has points of ${series.key} that an uninterrupted run does not have`)
    else {
      const length = series.values.length
      found.push(
        ...differences(whole.values.subarray(0, length), series.values, `${where}.${series.key}.values`),
        ...differences(whole.indexes.subarray(0, length), series.indexes, `${where}.${series.key}.indexes`)
      )
    }
  }
  for (const { generation, name, position, version } of actual.checkpoints) {
    for (const [key, { count }] of Object.entries(position.points)) {
      const recorded = actual.series.find((series) => series.generation === generation && series.key === key)?.values.length ?? 0
      if (recorded < count) found.push(`${where} checkpoint ${name} ${version} counts on ${count} points of ${key}, and ${recorded} are recorded`)
    }
  }
  return found
}

/** What the store does not know that a process knew. */
const unknownToStore = (line: ExpectedLine, now: Observation): string | undefined => {
  const run = now.runs.get(line.run)
  if (run === undefined) return `run "${line.run}", which was taken`
  switch (line.event) {
    case "taken":
      return (now.attempts.get(line.run) ?? []).length < line.attempt ? `attempt ${line.attempt} of run "${line.run}"` : undefined
    case "begin": {
      const missing = (inputs.get(stepOf(line.address)) ?? []).find((input) => !isCompleted(run.addresses.get(input)))
      return missing === undefined ? undefined : `the outcome of "${missing}" of run "${line.run}", which "${line.address}" has read`
    }
    case "saved": {
      const address = run.addresses.get(line.address)
      return address?.checkpoints.some(({ name, version }) => name === line.name && version >= line.version) === true
        ? undefined
        : `checkpoint "${line.name}" ${line.version} of "${line.address}" of run "${line.run}", which was saved`
    }
    case "put":
      return now.objects.includes(line.digest) ? undefined : `artifact "${line.name}" (${line.digest}) of "${line.address}" of run "${line.run}", which was put`
    case "completed":
      return run.end.status === "completed" ? undefined : `the end of run "${line.run}", which was reported`
    case "loaded":
    case "removing":
      return undefined
  }
}

/** Checkpoints that were loaded in an older version than a process or the store knew of. */
const loadedTooOld = (log: ReadonlyArray<ExpectedLine>, sinceLine: number, before: Observation | undefined): ReadonlyArray<string> => {
  const known = new Map<string, number>()
  return log.flatMap((line, n) => {
    if (line.event !== "saved" && line.event !== "loaded") return []
    const key = `checkpoint "${line.name}" of "${line.address}" of run "${line.run}"`
    if (line.event === "saved") {
      known.set(key, line.version)
      return []
    }
    const checkpoints = n < sinceLine ? [] : before?.runs.get(line.run)?.addresses.get(line.address)?.checkpoints ?? []
    const stored = checkpoints.findLast(({ name }) => name === line.name)?.version ?? 0
    const wanted = Math.max(known.get(key) ?? 0, stored)
    return line.version < wanted ? [`${key} was loaded in version ${line.version}, and version ${wanted} was saved`] : []
  })
}

/** Begins of steps that had been recorded complete, in the lines written since. */
const begunAgain = (lines: ReadonlyArray<ExpectedLine>, before: Observation | undefined, removed: ReadonlySet<string>): ReadonlyArray<string> => {
  const found: Array<string> = []
  const counts = new Map<string, number>()
  for (const line of lines) {
    if (line.event !== "begin" || removed.has(line.run)) continue
    const where = `"${line.address}" of run "${line.run}"`
    const key = `${where} in attempt ${line.attempt}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
    if (counts.get(key)! > entries(stepOf(line.address))) found.push(`${key} was executed more than once`)
    if (isCompleted(before?.runs.get(line.run)?.addresses.get(line.address))) found.push(`${where} was recorded complete, and attempt ${line.attempt} executed it again`)
  }
  return found
}

/** Checks what stands after a kill; `sinceLine`: where the log stood at the observation before. */
export const afterKill = (options: {
  readonly before: Observation | undefined
  readonly now: Observation
  readonly log: ReadonlyArray<ExpectedLine>
  readonly sinceLine: number
  readonly uninterrupted: Observation
}): ReadonlyArray<Violation> => {
  const { before, log, now, sinceLine, uninterrupted } = options
  const violations: Array<Violation> = []
  const add = (kind: Violation["kind"], what: Iterable<string>): void => {
    for (const one of what) violations.push({ kind, what: one })
  }
  const removed = new Set(log.flatMap((line) => line.event === "removing" ? [line.run] : []))
  for (const [id, run] of before?.runs ?? []) {
    if (removed.has(id)) continue
    const still = now.runs.get(id)
    if (still === undefined) add("lost", [`run "${id}" is gone`])
    else {
      for (const [address, { outcomes }] of run.addresses) {
        const left = still.addresses.get(address)?.outcomes.slice(0, outcomes.length) ?? []
        add("lost", differences(outcomes, left, `run "${id}", recorded outcomes of "${address}"`))
      }
    }
  }
  for (const line of log) {
    if (removed.has(line.run)) continue
    const missing = unknownToStore(line, now)
    if (missing !== undefined) add("lost", [missing])
  }
  add("lost", loadedTooOld(log, sinceLine, before))
  add("repeated", begunAgain(log.slice(sinceLine), before, removed))
  add("stuck", log.slice(sinceLine).flatMap((line) => line.event === "taken" && line.ms > TAKEN_MS ? [`run "${line.run}" was taken only after ${Math.round(line.ms)} ms`] : []))
  for (const [id, run] of now.runs) {
    add("torn", run.damage)
    for (const [address, portrait] of run.addresses) {
      const where = `run "${id}" "${address}"`
      if (portrait.outcomes.length > 1) add("repeated", [`${where} has ${portrait.outcomes.length} outcomes`])
      const expected = uninterrupted.runs.get(id)
      if (expected === undefined) continue
      if (isCompleted(portrait)) add("torn", addressDifferences(where, expected.addresses.get(address), portrait))
      else add("torn", unfinishedDamage(where, expected.addresses.get(address), portrait))
    }
  }
  return violations
}

const runDifferences = (id: string, expected: RunPortrait, actual: RunPortrait | undefined): ReadonlyArray<string> =>
  actual === undefined ? [`run "${id}" is missing`] : [
    ...differences({ run: expected.run, end: expected.end }, { run: actual.run, end: actual.end }, `run "${id}"`),
    ...differences([...expected.addresses.keys()], [...actual.addresses.keys()], `addresses of run "${id}"`),
    ...[...actual.addresses].flatMap(([address, portrait]) => addressDifferences(`run "${id}" "${address}"`, expected.addresses.get(address), portrait))
  ]

/** Checks that everything ended as it does without a kill. */
export const atEnd = (uninterrupted: Observation, now: Observation, leftovers: ReadonlyArray<string>): ReadonlyArray<Violation> => {
  const found = [
    ...differences([...RUNS], [...now.runs.keys()], "runs"),
    ...RUNS.flatMap((id) => runDifferences(id, uninterrupted.runs.get(id)!, now.runs.get(id))),
    ...differences(uninterrupted.objects, now.objects, "objects"),
    ...differences([], now.unreferenced, "unreferenced objects"),
    ...differences(0, now.freeBlobs, "free blobs"),
    ...[...now.attempts].flatMap(([id, statuses]) => statuses.slice(-1).includes("completed") && !statuses.includes("running") ? [] : [`attempts of run "${id}" ended as ${statuses.join(", ")}`]),
    ...differences([], leftovers, "leftovers")
  ]
  return found.map((what) => ({ kind: "differs", what }))
}
