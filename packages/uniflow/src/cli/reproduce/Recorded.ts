/**
 * What a run recorded that executing it again needs: which attempt's code counts, the patch, params, variables, files.
 *
 * Of several attempts the newest counts that brought about an outcome that stands: what it restored from earlier ones
 * answered for its own code, so its code is that of every step.
 */
import { basename, isAbsolute } from "node:path"
import { ArtifactStore, type AttemptRecord, Hasher, type RunSnapshot, RunStore, type StepRecord } from "@uniflow/core"
import { WorkingTreePatch } from "@uniflow/node"
import { Effect } from "effect"
import { abandonedOf } from "../Abandoned.ts"
import type { AnyUniflow } from "../Context.ts"
import { UsageError } from "../Failure.ts"
import { NotReproducible } from "./NotReproducible.ts"

export interface Recorded {
  readonly snapshot: RunSnapshot
  readonly attempt: AttemptRecord
  readonly patch: WorkingTreePatch.WorkingTreePatch | undefined
  /** Declared variables with the values they had; undefined for one that was not set. Secrets are not among them. */
  readonly variables: ReadonlyMap<string, string | undefined>
  /** Files that steps declared, by the paths they gave, and that were there. */
  readonly files: ReadonlyArray<string>
  /** What is not as it was, or not known. */
  readonly remarks: ReadonlyArray<string>
}

const chooseAttempt = ({ attempts, run, steps }: RunSnapshot, asked: number | undefined): AttemptRecord => {
  const number = asked ?? Math.max(0, ...steps.map(({ outcome }) => outcome.attempt))
  const found = attempts.find(({ attempt }) => attempt === number)
  if (found !== undefined) return found
  if (asked !== undefined) throw new UsageError(`Run "${run.id}" has no attempt ${asked}; it has ${attempts.length}.`)
  throw new NotReproducible(`Run "${run.id}" has recorded no step: there is nothing to reproduce. uniflow experiment show ${run.id} shows it.`)
}

const patchOf = (uniflow: AnyUniflow, runId: string, attempt: number): Promise<WorkingTreePatch.WorkingTreePatch | "damaged" | undefined> =>
  uniflow.runPromise(Effect.gen(function*() {
    const store = yield* RunStore
    const artifacts = yield* ArtifactStore
    const hasher = yield* Hasher
    const named = (yield* store.artifacts(runId)).find((one) => one.address === "" && one.mediaType === WorkingTreePatch.MEDIA_TYPE && one.attempt === attempt)
    if (named === undefined) return undefined
    const kept = yield* store.blob(named.digest)
    const bytes = kept ?? (yield* Effect.catchTag(artifacts.get(named.digest), "CorruptArtifact", () => Effect.undefined))
    return bytes === undefined || hasher.bytes(bytes) !== named.digest ? "damaged" : WorkingTreePatch.decode(bytes) ?? "damaged"
  }))

/** Whether a recorded path stays inside of the tree that it begins in. */
const staysInside = (path: string): boolean => !isAbsolute(path) && !path.split(/[/\\]/).includes("..") && !path.includes("\0")

/** Refuses what no attempt of this machine records: a store may come from anywhere, and git and folders are told by it. */
const check = ({ environment: { git, lockfile } }: AttemptRecord, patch: WorkingTreePatch.WorkingTreePatch | undefined): void => {
  const commits = [git?.commit, patch?.commit].filter((commit) => commit !== undefined)
  if (!commits.every((commit) => /^[0-9a-f]{40,64}$/.test(commit))) throw new NotReproducible("What is recorded as the commit is none.")
  if (![git?.folder ?? "", lockfile?.path ?? ""].every(staysInside)) throw new NotReproducible("What is recorded as a place in the repository lies outside of it.")
}

const codeOf = ({ environment: { git } }: AttemptRecord): string => (git === undefined ? "no commit" : `${git.commit.slice(0, 12)}${git.dirty ? " with changes" : ""}`)

/** Steps that the attempt did not come to, or that stand for another code than its own. */
const doubts = ({ attempts, steps }: RunSnapshot, chosen: AttemptRecord): ReadonlyArray<string> =>
  steps.filter(({ address, step }) => address === step).flatMap(({ record, step }) => {
    if (record.trusted) return [`step ${step} was reused by name (mode trust): its recorded output may be of other code`]
    const attempt = attempts.find((one) => one.attempt === record.attempt)
    return attempt === undefined || attempt.attempt === chosen.attempt || (codeOf(attempt) === codeOf(chosen) && attempt.environment.git?.dirty !== true)
      ? []
      : [`step ${step} was last decided about in attempt ${attempt.attempt} (${codeOf(attempt)}), and the code is that of attempt ${chosen.attempt} (${codeOf(chosen)})`]
  })

const outcomes = ({ steps }: RunSnapshot): ReadonlyArray<StepRecord> => steps.map(({ outcome }) => outcome)

const variablesOf = (snapshot: RunSnapshot): ReadonlyMap<string, string | undefined> => {
  const variables = new Map<string, string | undefined>()
  for (const { components } of outcomes(snapshot)) {
    for (const [name, value] of Object.entries(components?.env ?? {})) {
      if (value === "unset") variables.set(name, undefined)
      else if (value.startsWith("=")) variables.set(name, value.slice(1))
    }
  }
  return variables
}

const filesOf = (snapshot: RunSnapshot): ReadonlyArray<string> => [
  ...new Set(outcomes(snapshot).flatMap(({ components }) => Object.entries(components?.files ?? {}).filter(([, digest]) => digest !== "missing").map(([path]) => path)))
]

/** Reads what was recorded of a run; rejects with `NotReproducible` where nothing was that could be compared. */
export const readRecorded = async (uniflow: AnyUniflow, runId: string, asked: number | undefined): Promise<Recorded> => {
  const snapshot = await uniflow.runs.snapshot(runId)
  if (snapshot.run.status === "running" && !(await abandonedOf(uniflow, [snapshot.run])).has(runId)) throw new UsageError(`Run "${runId}" is running: wait for its end, or cancel it.`)
  const attempt = chooseAttempt(snapshot, asked)
  const { git } = attempt.environment
  const found = git?.dirty === true ? await patchOf(uniflow, runId, attempt.attempt) : undefined
  const patch = found === "damaged" ? undefined : found
  check(attempt, patch)
  return {
    snapshot,
    attempt,
    patch,
    variables: variablesOf(snapshot),
    files: filesOf(snapshot),
    remarks: [
      ...doubts(snapshot, attempt),
      ...git?.dirty !== true || patch !== undefined ? [] : [`the tree differed from its commit, and the patch ${found === "damaged" ? "that was recorded is damaged" : "was not recorded"}: the code is that of the commit alone`],
      ...patch === undefined ? [] : WorkingTreePatch.lacks(patch)
    ]
  }
}

const commands = new Set(["run", "resume", "fork", "sweep"])

/** Whether a command line is that of the `uniflow` command. */
export const isUniflowCommand = (argv: ReadonlyArray<string>): boolean => {
  const script = (argv[1] ?? "").replaceAll("\\", "/")
  return (/^uniflow(?:\.\w+)?$/.test(basename(script)) || /\/bin\.[cm]?[jt]s$/.test(script)) && argv.slice(2).some((word) => commands.has(word))
}

/** What a recorded command line gave for `--config`. */
export const configOf = (argv: ReadonlyArray<string>): string | undefined => {
  if (!isUniflowCommand(argv)) return undefined
  const at = argv.findIndex((word) => word === "--config" || word.startsWith("--config="))
  return at < 0 ? undefined : argv[at] === "--config" ? argv[at + 1] : argv[at]!.slice("--config=".length)
}
