/**
 * The statements by which a run is taken and given back.
 *
 * Taking compares what was read with what stands there when the transaction runs (token, heartbeat and revision), so
 * that of several processes exactly one wins. The token is the revision of the claim: no other claim ever has it.
 */
import { type AttemptEnvironment, type ClaimRequest, Facts, type NewRun, type RunRecord } from "@uniflow/core"
import type { SqlHeartbeat, SqlStatement, SqlUnit } from "../SqlDriver.ts"
import { bool, COUNT, countedIf, deleteUnfinished, fenced, int, json, letGo, NEXT_REVISION, REVISION } from "./statements.ts"
import * as inlineOutputs from "./inlineOutputs.ts"
import * as summaries from "./summaries.ts"
import { text, textOrNull } from "./text.ts"

/** The highest `seq` among the run's steps, and how many runs wait to be settled. */
const counts = (run: string): string =>
  `(SELECT after % ${inlineOutputs.SEQ_LIMIT} FROM unsettled WHERE run = ${run}), (SELECT count(*) FROM unsettled)`

/** As JSON; one that was captured once is that of many attempts. */
const environments = new WeakMap<AttemptEnvironment, string>()
const environmentJson = (environment: AttemptEnvironment): string => {
  const known = environments.get(environment)
  if (known !== undefined) return known
  const text = json(environment)
  environments.set(environment, text)
  return text
}

const insertAttempt = (run: string): string =>
  `INSERT INTO attempts (run, attempt, status, started_at_ms, ended_at_ms, environment, error) VALUES (${run}, ?, 'running', ?, NULL, ?, NULL)`

const RUN = "(SELECT key FROM runs WHERE id = ?)"

const INSERT_RUN = `INSERT INTO runs (id, pipeline, experiment, params, seed, parent, goals, created_at_ms, status, tags, note, error, failed_step,
    started_at_ms, ended_at_ms, attempts, crashes, holder, lease_ms, cancel_requested, token, heartbeat, heartbeat_monotonic_ms, revision)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, NULL, NULL, NULL, ?, NULL, 1, 0, ?, ?, 0, ${NEXT_REVISION}, 1, ?, NULL)
  ON CONFLICT (id) DO NOTHING`
const INSERT_HELD = `INSERT INTO held (run, token, heartbeat, heartbeat_monotonic_ms, revision) VALUES (${RUN}, ${REVISION}, 1, ?, ${REVISION})`
const INSERT_UNSETTLED = `INSERT INTO unsettled (run, after) VALUES (${RUN}, ${RUN} * ${inlineOutputs.SEQ_LIMIT})`
const INSERT_FIRST_ATTEMPT = insertAttempt(RUN)
const INSERT_ATTEMPT = insertAttempt("?")
const CREATED = `SELECT key, token, ${counts("runs.key")} FROM runs WHERE id = ?`

/** Makes the run, unless there is one of that id. Its row: key, token, highest `seq`, and how many runs wait to be settled. */
export const create = (request: ClaimRequest, given: NewRun, monotonicMs: number): SqlUnit => {
  const { holder, leaseMs, runId, startedAtMs } = request
  const id = text(runId)
  const tags = Object.fromEntries(Object.entries(given.tags).map(([name, tag]) => [text(name), text(tag)]))
  return {
    guard: {
      sql: INSERT_RUN,
      params: [
        id, text(given.pipeline), text(given.experiment), json(given.params), int(given.seed), textOrNull(given.parent),
        json(given.goals), given.createdAtMs, json(tags), startedAtMs, json(holder), int(leaseMs), monotonicMs
      ]
    },
    statements: [
      COUNT,
      { sql: INSERT_HELD, params: [id, monotonicMs] },
      { sql: INSERT_UNSETTLED, params: [id, id] },
      { sql: INSERT_FIRST_ATTEMPT, params: [id, 1n, startedAtMs, environmentJson(request.environment)] },
      ...summaries.keepFactsOfNew(runId, [...Facts.paramFacts(given.params), ...Facts.tagFacts(given.tags), ...Facts.gitFacts(request.environment)])
    ],
    result: { sql: CREATED, params: [id] }
  }
}

/** Counts a change of a run that stands as it was read, and refuses it of one that does not. */
export const asSeen = (key: bigint, { heartbeat, revision, token }: RunRecord): SqlStatement =>
  countedIf("r.key = ? AND r.token = ? AND coalesce(h.heartbeat, r.heartbeat) = ? AND coalesce(h.revision, r.revision) = ?", [
    key, int(token), int(heartbeat), int(revision)
  ])

/**
 * Takes a run that stands as it was read. Its row: key, token, highest `seq`, how many runs wait to be settled, and whether
 * it has metrics.
 */
export const take = (request: ClaimRequest, key: bigint, before: RunRecord, monotonicMs: number): SqlUnit => {
  const { holder, leaseMs, startedAtMs } = request
  const died = before.status === "running" && before.holder !== null
  const attempt = before.attempts + 1
  return {
    guard: asSeen(key, before),
    statements: [
      {
        sql: `INSERT INTO held (run, token, heartbeat, heartbeat_monotonic_ms, revision) VALUES (?, ${REVISION}, ?, ?, ${REVISION})
          ON CONFLICT (run) DO UPDATE SET token = excluded.token, heartbeat = excluded.heartbeat,
            heartbeat_monotonic_ms = excluded.heartbeat_monotonic_ms, revision = excluded.revision`,
        params: [key, int(before.heartbeat + 1), monotonicMs]
      },
      {
        sql: `UPDATE runs SET status = 'running', started_at_ms = ?, ended_at_ms = NULL, error = NULL, failed_step = NULL, attempts = ?,
            crashes = crashes + ?, holder = ?, lease_ms = ?, cancel_requested = 0, token = ${REVISION}, revision = NULL WHERE key = ?`,
        params: [startedAtMs, int(attempt), bool(died), json(holder), int(leaseMs), key]
      },
      { sql: "UPDATE attempts SET status = ? WHERE run = ? AND status = 'running'", params: [died ? "crashed" : "interrupted", key] },
      deleteUnfinished(key),
      { sql: "DELETE FROM flights WHERE run = ?", params: [key] },
      ...inlineOutputs.begin(key),
      { sql: INSERT_ATTEMPT, params: [key, int(attempt), startedAtMs, environmentJson(request.environment)] },
      ...summaries.keepGit(key, request.environment)
    ],
    result: { sql: `SELECT run, token, ${counts("held.run")}, CASE WHEN EXISTS (SELECT 1 FROM series WHERE run = held.run) THEN 1 ELSE 0 END FROM held WHERE run = ?`, params: [key] }
  }
}

/** Gives a run back whose attempt did not end, if the token still holds. */
export const release = (key: bigint, token: number): SqlUnit => fenced(key, token, letGo(key))

/** Takes a flight for a run that is held, from nobody, from a claim that is over, or from that of the token `gone`. */
export const takeFlight = (run: bigint, token: number, key: string, gone: number): SqlUnit => ({
  guard: {
    sql: `INSERT INTO flights (key, run, token) SELECT ?, run, token FROM held WHERE run = ? AND token = ?
      ON CONFLICT (key) DO UPDATE SET run = excluded.run, token = excluded.token
        WHERE flights.token = excluded.token OR flights.token = ? 
          OR NOT EXISTS (SELECT 1 FROM held h WHERE h.run = flights.run AND h.token = flights.token)`,
    params: [text(key), run, int(token), int(gone)]
  },
  statements: []
})

const BEAT = "UPDATE held SET heartbeat = heartbeat + 1, heartbeat_monotonic_ms = ? WHERE run = ? AND token = ?"

/** Shows that the holder lives; no change of the run. */
export const heartbeat = (key: bigint, token: number, leaseMs: number, monotonicMs: () => number): SqlHeartbeat => ({
  everyMs: leaseMs / 3,
  sql: BEAT,
  params: [key, int(token)],
  monotonicMs
})
