import { GroupCommit, type SqlOutcome, type SqlUnit } from "@uniflow/sql"
import { StoreError } from "@uniflow/core"
import { Effect } from "effect"
import { expect, it } from "vitest"

const unit = (sql: string): SqlUnit => ({ statements: [{ sql, params: [] }] })
const applied: SqlOutcome = { _tag: "Applied", rows: [] }

/** A driver that notes its batches; `turn` lets the event loop turn. */
const driver = (options: { readonly busy?: boolean; readonly outcome?: (unit: SqlUnit) => SqlOutcome } = {}) => {
  const batches: Array<number> = []
  let scheduled: Array<() => void> = []
  const outcome = options.outcome ?? (() => applied)
  const done = (units: ReadonlyArray<SqlUnit>) => {
    batches.push(units.length)
    return units.map(outcome)
  }
  return {
    batches,
    turn: () => {
      const now = scheduled
      scheduled = []
      for (const callback of now) callback()
    },
    submit: GroupCommit.make({
      batch: (units) => Effect.sync(() => done(units)),
      batchNow: (units) => options.busy === true ? undefined : done(units),
      schedule: (callback) => void scheduled.push(callback)
    })
  }
}

it("what is submitted before the event loop turns is committed together", async () => {
  const { batches, submit, turn } = driver()
  const all = Promise.all(["a", "b", "c"].map((sql) => Effect.runPromise(submit(unit(sql)))))
  turn()
  expect(await all).toEqual([applied, applied, applied])
  expect(batches).toEqual([3])
})

it("a lone writer commits at once, and looks for company again and again", async () => {
  const { batches, submit, turn } = driver()
  let waited = 0
  for (let i = 0; i < 64; i++) {
    let settled = false
    const one = Effect.runPromise(submit(unit("a"))).then(() => (settled = true))
    await Promise.resolve()
    await Promise.resolve()
    await Promise.resolve()
    if (!settled) {
      waited++
      turn()
    }
    await one
  }
  expect(batches).toEqual(Array.from({ length: 64 }, () => 1))
  expect(waited).toBe(16 + 3)
  const many = Promise.all(Array.from({ length: 40 }, () => Effect.runPromise(submit(unit("b")))))
  turn()
  turn()
  await many
  // Company was found: whoever comes next waits for it.
  expect(Math.max(...batches)).toBeGreaterThan(20)
})

it("a unit that fails fails alone, whether the driver can do it at once or not", async () => {
  for (const busy of [false, true]) {
    const error = new StoreError({ reason: "Full", what: "no room" })
    const { submit, turn } = driver({ busy, outcome: ({ statements }) => (statements[0]!.sql === "bad" ? { _tag: "Failed", error } : applied) })
    const outcomes = Promise.all(["a", "bad", "c"].map((sql) => Effect.runPromise(Effect.result(submit(unit(sql))))))
    turn()
    expect((await outcomes).map(({ _tag }) => _tag)).toEqual(["Success", "Failure", "Success"])
  }
})
