/**
 * Small outputs stand in the rows of their steps; this finds them by their digest.
 *
 * Digests come in no order, so an index kept with every commit would have each of them write a page of its own: measured,
 * the dearest part of a small commit. So a run's rows enter the index (`outputs`) many at a time, and `unsettled` says
 * from which row on a run's are not in it yet: those are looked through, and are kept few. Nothing is ever removed from
 * the disk by what this index says: what a row holds goes with the row.
 */
import type { SqlStatement } from "../SqlDriver.ts"

/** Records of one run that its key has room for. */
export const SEQ_LIMIT = 2 ** 28

/** Rows after which a run's are put into the index while it goes on. */
export const SETTLE_ROWS = 1024

/** A run that ends with fewer rows than this waits for others to be put in with. */
export const SETTLE_AT_END_ROWS = 32

/** Runs that may wait. */
export const SETTLE_RUNS = 128

const PREFIX = "substr(output_digest, 1, 16)"

const settle = (where: string): string =>
  `INSERT INTO outputs (digest, step) SELECT substr(s.output_digest, 1, 16), s.id
    FROM unsettled u CROSS JOIN steps s
    WHERE ${where} AND s.id > u.after AND s.id < (u.run + 1) * ${SEQ_LIMIT} AND s.output_bytes IS NOT NULL ORDER BY 1 ON CONFLICT (digest, step) DO NOTHING`

const moveOn = `UPDATE unsettled SET after = coalesce(
  (SELECT max(id) FROM steps WHERE id > unsettled.after AND id < (unsettled.run + 1) * ${SEQ_LIMIT}), after)`

/** Puts a run's rows into the index. */
export const settleRun = (run: bigint): ReadonlyArray<SqlStatement> => [
  { sql: settle("u.run = ?"), params: [run] },
  { sql: `${moveOn} WHERE run = ?`, params: [run] }
]

/** A run that was taken goes on with all of its rows in the index. */
export const begin = (run: bigint): ReadonlyArray<SqlStatement> => [
  {
    sql: `INSERT INTO unsettled (run, after) VALUES (?, (SELECT coalesce(max(id), ?) FROM steps WHERE id >= ? AND id < ?)) ON CONFLICT (run) DO NOTHING`,
    params: [run, run * BigInt(SEQ_LIMIT), run * BigInt(SEQ_LIMIT), (run + 1n) * BigInt(SEQ_LIMIT)]
  },
  ...settleRun(run)
]

/** Likewise for a run that has ended. */
export const settleEnded = (run: bigint): ReadonlyArray<SqlStatement> => [
  { sql: settle("u.run = ?"), params: [run] },
  { sql: "DELETE FROM unsettled WHERE run = ?", params: [run] }
]

/** Likewise for all runs that wait. */
export const settleAll: ReadonlyArray<SqlStatement> = [
  { sql: settle("1 = 1"), params: [] },
  { sql: "DELETE FROM unsettled WHERE run NOT IN (SELECT run FROM held)", params: [] },
  { sql: moveOn, params: [] }
]

/** Puts one row into the index at once: it comes out of its order, or from a writer that keeps no count. */
export const settleRow = (id: bigint): SqlStatement => ({
  sql: `INSERT INTO outputs (digest, step) SELECT ${PREFIX}, id FROM steps WHERE id = ? AND output_bytes IS NOT NULL
    ON CONFLICT (digest, step) DO NOTHING`,
  params: [id]
})

/** Takes a run's rows, which are about to be removed, out of the index. */
export const forget = (run: bigint): ReadonlyArray<SqlStatement> => [
  {
    sql: `DELETE FROM outputs WHERE (digest, step) IN (SELECT ${PREFIX}, id FROM steps WHERE id >= ? AND id < ? AND output_bytes IS NOT NULL)`,
    params: [run * BigInt(SEQ_LIMIT), (run + 1n) * BigInt(SEQ_LIMIT)]
  },
  { sql: "DELETE FROM unsettled WHERE run = ?", params: [run] }
]

const settled = (digest: string): string =>
  `FROM outputs o JOIN steps s ON s.id = o.step WHERE o.digest = substr(${digest}, 1, 16) AND s.output_digest = ${digest} AND s.output_bytes IS NOT NULL`

const waiting =
  `FROM unsettled u CROSS JOIN steps s WHERE s.id > u.after AND s.id < (u.run + 1) * ${SEQ_LIMIT} AND s.output_bytes IS NOT NULL`

/** Steps whose output stands elsewhere, as their index finds them. A restored record's output is that of the record it stands for. */
const elsewhere = (digest: string): string =>
  `EXISTS (SELECT 1 FROM steps WHERE ${PREFIX} = substr(${digest}, 1, 16) AND output_digest = ${digest}
    AND decision <> 'restored' AND output_digest IS NOT NULL AND output_bytes IS NULL)`

/** Whether any record refers to a digest. */
export const isUsed = (digest: string): string =>
  `${elsewhere(digest)}
  OR EXISTS (SELECT 1 ${settled(digest)})
  OR EXISTS (SELECT 1 FROM checkpoints WHERE output_digest = ${digest})
  OR EXISTS (SELECT 1 FROM artifacts WHERE digest = ${digest})
  OR ${digest} IN (SELECT s.output_digest ${waiting})`

/** Parameters of `BYTES`. */
export const bytesParams = (digest: string): ReadonlyArray<string> => Array.from({ length: 6 }, () => digest)

/**
 * Bytes by their digest, wherever they stand: the rows that wait are looked through last, and only for what may be there.
 * Compared as an expression, the digest tempts no planner to make an index of all steps for it.
 */
export const BYTES = `SELECT bytes FROM (SELECT s.output_bytes AS bytes ${settled("?")} LIMIT 1) AS settled
  UNION ALL SELECT bytes FROM blobs WHERE digest = ?
  UNION ALL SELECT bytes FROM (SELECT s.output_bytes AS bytes ${waiting} AND coalesce(s.output_digest, '') = ? AND NOT ${elsewhere("?")} LIMIT 1) AS waiting
  LIMIT 1`
