import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, expect, it } from "vitest"
import * as NodeUniflow from "../src/NodeUniflow.ts"

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "uniflow-signals-"))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it.each(["SIGINT", "SIGTERM"] as const)("%s interrupts the runs of every instance in the process, which then ends by it", async (signal) => {
  const directory = join(folder, ".uniflow")
  const program = fileURLToPath(new URL("programs/waiting.ts", import.meta.url))
  const child = spawn(process.execPath, ["--conditions=uniflow-source", program, directory], { stdio: ["ignore", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  expect((await lines.next()).value).toBe("waiting")
  child.kill(signal)
  const [code, by] = await once(child, "exit")
  expect([code, by]).toEqual([null, signal])
  const uniflow = await NodeUniflow.open({ directory })
  const found = await uniflow.runs.find().toArray()
  expect(found.map(({ id, status }) => [id, status]).sort()).toEqual([["first", "interrupted"], ["second", "interrupted"]])
  await uniflow.close()
})
