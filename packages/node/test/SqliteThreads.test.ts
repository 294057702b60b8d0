import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { RunStore, type RunStoreService } from "@uniflow/core"
import { Effect } from "effect"
import { afterEach, beforeEach, expect, it } from "vitest"
import * as SqliteRunStore from "../src/SqliteRunStore.ts"

let folder: string
const filename = (): string => join(folder, "uniflow.db")
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "uniflow-threads-"))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Opens the store in this process, uses it, and closes it again. */
const here = <A, E>(use: (store: RunStoreService) => Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(RunStore, use).pipe(Effect.provide(SqliteRunStore.layer({ filename: filename() })))))

it("a thread that opens and closes the store does not take its process's hold on the log away", async () => {
  const program = fileURLToPath(new URL("programs/threads.ts", import.meta.url))
  const child = spawn(process.execPath, ["--conditions=uniflow-source", program, filename()], { stdio: ["pipe", "pipe", "inherit"] })
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe("held")
    // Who closes last removes the log: another process that is there for a moment must not think that it is the last.
    await here((store) => store.runs({ limit: 1 }))
    expect(existsSync(`${filename()}-wal`)).toBe(true)
    child.stdin.write("record\n")
    expect((await lines.next()).value).toBe("recorded")
    expect((await here((store) => store.steps("run"))).map(({ seq }) => seq)).toEqual([1, 2])
  } finally {
    child.kill("SIGKILL")
  }
})
