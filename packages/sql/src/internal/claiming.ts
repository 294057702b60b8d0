/**
 * The statements by which a run is taken and given back.
 *
 * Taking compares what was read with what stands there when the transaction runs (token, heartbeat and revision), so
 * that of several processes exactly one wins. The token is the revision of the claim: no other claim ever has it.
 */
import type { ClaimRequest, NewRun, RunRecord } from "@uniflow/core"
import type { SqlHeartbeat, SqlStatement, SqlUnit } from "../SqlDriver.ts"
import { bool, deleteUnfinished, int, json, NEXT_REVISION } from "./statements.ts"
import { text, textOrNull } from "./text.ts"

const insertAttempt = (run: SqlStatement, attempt: number, { environment, startedAtMs }: ClaimRequest): SqlStatement => ({
  sql: `INSERT INTO attempts (run, attempt, status, started_at_ms, ended_at_ms, environment, error) VALUES (${run.sql}, ?, 'running', ?, NULL, ?, NULL)`,
  params: [...run.params, int(attempt), startedAtMs, json(environment)]
})

/** Makes the run, unless there is one of that id. Its row: key and token. */
export const create = (request: ClaimRequest, given: NewRun, monotonicMs: number): SqlUnit => {
  const { holder, leaseMs, runId, startedAtMs } = request
  const run: SqlStatement = { sql: "(SELECT key FROM runs WHERE id = ?)", params: [text(runId)] }
  const tags = Object.fromEntries(Object.entries(given.tags).map(([name, tag]) => [text(name), text(tag)]))
  return {
    guard: {
      sql: `INSERT INTO runs (id, pipeline, experiment, params, seed, parent, goals, created_at_ms, status, tags, note, error, failed_step,
          started_at_ms, ended_at_ms, attempts, crashes, holder, lease_ms, cancel_requested)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, NULL, NULL, NULL, ?, NULL, 1, 0, ?, ?, 0)
        ON CONFLICT (id) DO NOTHING`,
      params: [
        text(runId), text(given.pipeline), text(given.experiment), json(given.params), int(given.seed), textOrNull(given.parent),
        json(given.goals), given.createdAtMs, json(tags), startedAtMs, json(holder), int(leaseMs)
      ]
    },
    statements: [
      {
        sql: `INSERT INTO heads (run, token, held, heartbeat, heartbeat_monotonic_ms, revision)
          VALUES (${run.sql}, ${NEXT_REVISION}, 1, 1, ?, ${NEXT_REVISION})`,
        params: [...run.params, monotonicMs]
      },
      insertAttempt(run, 1, request)
    ],
    result: { sql: "SELECT r.key, h.token FROM runs r JOIN heads h ON h.run = r.key WHERE r.id = ?", params: [text(runId)] }
  }
}

/** Takes a run that stands as it was read. Its row: key and token. */
export const take = (request: ClaimRequest, key: bigint, before: RunRecord, monotonicMs: number): SqlUnit => {
  const { holder, leaseMs, startedAtMs } = request
  const died = before.status === "running" && before.holder !== null
  const attempt = before.attempts + 1
  return {
    guard: {
      sql: `UPDATE heads SET token = ${NEXT_REVISION}, revision = ${NEXT_REVISION}, held = 1, heartbeat = heartbeat + 1, heartbeat_monotonic_ms = ?
        WHERE run = ? AND token = ? AND heartbeat = ? AND revision = ?`,
      params: [monotonicMs, key, int(before.token), int(before.heartbeat), int(before.revision)]
    },
    statements: [
      {
        sql: `UPDATE runs SET status = 'running', started_at_ms = ?, ended_at_ms = NULL, error = NULL, failed_step = NULL, attempts = ?,
            crashes = crashes + ?, holder = ?, lease_ms = ?, cancel_requested = 0 WHERE key = ?`,
        params: [startedAtMs, int(attempt), bool(died), json(holder), int(leaseMs), key]
      },
      { sql: "UPDATE attempts SET status = ? WHERE run = ? AND status = 'running'", params: [died ? "crashed" : "interrupted", key] },
      deleteUnfinished(key),
      insertAttempt({ sql: "?", params: [key] }, attempt, request)
    ],
    result: { sql: "SELECT run, token FROM heads WHERE run = ?", params: [key] }
  }
}

/** Gives a run back whose attempt did not end, if the token still holds. */
export const release = (key: bigint, token: number): SqlUnit => ({
  guard: { sql: `UPDATE heads SET held = 0, revision = ${NEXT_REVISION} WHERE run = ? AND token = ? AND held = 1`, params: [key, int(token)] },
  statements: [{ sql: "UPDATE runs SET holder = NULL WHERE key = ?", params: [key] }]
})

/** Shows that the holder lives; no change of the run. */
export const heartbeat = (key: bigint, token: number, leaseMs: number): SqlHeartbeat => ({
  everyMs: leaseMs / 3,
  sql: "UPDATE heads SET heartbeat = heartbeat + 1, heartbeat_monotonic_ms = ? WHERE run = ? AND token = ? AND held = 1",
  params: [key, int(token)]
})
