/**
 * The statements that record a run as it stood in another store, under a key that was chosen beforehand, so that all of
 * it is one transaction.
 */
import { changesOf, Facts, type KeptBlob, type RunBundle } from "@uniflow/core"
import type { SqlUnit } from "../SqlDriver.ts"
import { COUNT, commitStatements, int, json, jsonOrNull, NEXT_REVISION } from "./statements.ts"
import * as summaries from "./summaries.ts"
import { text, textOrNull } from "./text.ts"

const INSERT_RUN = `INSERT INTO runs (key, id, pipeline, experiment, params, seed, parent, goals, created_at_ms, status, tags, note, error, failed_step,
    started_at_ms, ended_at_ms, attempts, crashes, holder, lease_ms, cancel_requested, token, heartbeat, heartbeat_monotonic_ms, revision)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, 0, ${NEXT_REVISION}, 0, 0, ${NEXT_REVISION})
  ON CONFLICT DO NOTHING`

const INSERT_ATTEMPT = "INSERT INTO attempts (run, attempt, status, started_at_ms, ended_at_ms, environment, error) VALUES (?, ?, ?, ?, ?, ?, ?)"

/** Records the bundle, which stands as `settled` gives it; refused where the key or the id is taken. */
export const restore = (key: bigint, bundle: RunBundle, blobs: ReadonlyArray<KeptBlob>, atMs: number): SqlUnit => {
  const { attempts, run } = bundle
  const tags = Object.fromEntries(Object.entries(run.tags).map(([name, tag]) => [text(name), text(tag)]))
  const newest = attempts.at(-1)
  return {
    guard: {
      sql: INSERT_RUN,
      params: [
        key, text(run.id), text(run.pipeline), text(run.experiment), json(run.params), int(run.seed), textOrNull(run.parent),
        json(run.goals), run.createdAtMs, run.status, json(tags), textOrNull(run.note), jsonOrNull(run.error), textOrNull(run.failedStep),
        run.startedAtMs, run.endedAtMs, int(run.attempts), int(run.crashes), int(run.leaseMs)
      ]
    },
    statements: [
      COUNT,
      ...attempts.map(({ attempt, endedAtMs, environment, error, startedAtMs, status }) => ({
        sql: INSERT_ATTEMPT,
        params: [key, int(attempt), status, startedAtMs, endedAtMs, json(environment), jsonOrNull(error)]
      })),
      ...summaries.keepFacts(key, [
        ...Facts.paramFacts(run.params),
        ...Facts.tagFacts(run.tags),
        ...(newest === undefined ? [] : Facts.gitFacts(newest.environment))
      ]),
      ...commitStatements(key, changesOf(bundle, blobs), atMs, undefined)
    ]
  }
}
