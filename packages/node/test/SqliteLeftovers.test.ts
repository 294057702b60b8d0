import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { afterEach, beforeEach, expect, it } from "vitest"
import { SqliteRunStore } from "../src/index.ts"

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "uniflow-sqlite-file-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it("what a process left that was killed while it made the database goes when the database is opened an hour later", async () => {
  const open = Effect.scoped(Layer.build(SqliteRunStore.layer({ filename: join(folder, "uniflow.db") })))
  await Effect.runPromise(open)
  const long = new Date(Date.now() - 2 * 60 * 60 * 1000)
  for (const name of ["uniflow.db.a.new", "uniflow.db.a.new-wal", "uniflow.db.b.new", "mine.new"]) writeFileSync(join(folder, name), "half")
  for (const name of ["uniflow.db.a.new", "uniflow.db.a.new-wal", "mine.new"]) utimesSync(join(folder, name), long, long)
  await Effect.runPromise(open)
  expect(readdirSync(folder).filter((name) => name.includes(".new"))).toEqual(["mine.new", "uniflow.db.b.new"])
})
