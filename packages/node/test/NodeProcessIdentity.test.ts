import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { type Holder, ProcessIdentity } from "@uniflow/core"
import { Effect, Schema } from "effect"
import { Holder as HolderSchema } from "@uniflow/core"
import { afterEach, describe, expect, it } from "vitest"
import { NodeProcessIdentity } from "../src/index.ts"

const identity = Effect.runSync(Effect.provide(ProcessIdentity, NodeProcessIdentity.layer))
const look = (holder: Holder) => Effect.runPromise(identity.look(holder))
const program = fileURLToPath(new URL("programs/identity.ts", import.meta.url))
const arguments_ = ["--conditions=uniflow-source", program]

const started: Array<ChildProcess> = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL")
})

/** Another process that prints who it is and then waits. */
const start = async (command: string, options: ReadonlyArray<string>): Promise<{ child: ChildProcess; holder: Holder }> => {
  const child = spawn(command, [...options, ...arguments_], { stdio: ["pipe", "pipe", "inherit"] })
  started.push(child)
  const [line] = await once(child.stdout!, "data")
  return { child, holder: Schema.decodeUnknownSync(Schema.fromJsonString(HolderSchema))(String(line)) }
}

describe("a holder on this machine", () => {
  it("is alive while its process runs, and dead once that was killed", async () => {
    const { child, holder } = await start(process.execPath, [])
    expect(holder.bootId).toBe(identity.self.bootId)
    expect(await look(holder)).toBe("alive")
    child.kill("SIGKILL")
    await once(child, "exit")
    expect(await look(holder)).toBe("dead")
  })

  it("is dead when its process was killed and nobody has collected it", async () => {
    // The shell's child becomes a zombie: exec turns the parent into a program that never waits.
    const shell = spawn("/bin/sh", ["-c", `"${process.execPath}" ${arguments_.map((a) => `"${a}"`).join(" ")} & exec sleep 60`], {
      stdio: ["pipe", "pipe", "inherit"]
    })
    started.push(shell)
    const [line] = await once(shell.stdout, "data")
    const holder = Schema.decodeUnknownSync(Schema.fromJsonString(HolderSchema))(String(line))
    expect(await look(holder)).toBe("alive")
    process.kill(holder.pid, "SIGKILL")
    await expect.poll(() => look(holder)).toBe("dead")
    expect(() => process.kill(holder.pid, 0)).not.toThrow()
  })

  it("is dead when its process id was given to another process since", async () => {
    const { holder } = await start(process.execPath, [])
    expect(await look({ ...holder, processStart: String(Number(holder.processStart) - 1) })).toBe("dead")
  })

  it("is this process itself, under another instance of the library too", async () => {
    const sinceMs = Date.now()
    expect(await look({ ...identity.self, sinceMs })).toBe("alive")
    expect(await look({ ...NodeProcessIdentity.make().self, sinceMs })).toBe("alive")
    expect(NodeProcessIdentity.make().self.nonce).not.toBe(identity.self.nonce)
  })
})

describe("a holder that cannot be looked at is never taken for dead", () => {
  const gone: Holder = { ...identity.self, nonce: "other", pid: 4_194_305, processStart: "1", sinceMs: 0 }

  it("after another boot, in another PID namespace, or where either is not known", async () => {
    expect(await look(gone)).toBe("dead")
    expect(await look({ ...gone, bootId: "00000000-0000-4000-8000-000000000000" })).toBe("unknown")
    expect(await look({ ...gone, pidNamespace: "pid:[1]" })).toBe("unknown")
    expect(await look({ ...gone, bootId: "" })).toBe("unknown")
    expect(await look({ ...gone, pidNamespace: "" })).toBe("unknown")
  })

  it("when it shares our host name and our process id in another namespace", async () => {
    expect(await look({ ...identity.self, nonce: "other", pidNamespace: "pid:[1]", sinceMs: 0 })).toBe("unknown")
  })

  const canUnshare = spawnSync("unshare", ["--pid", "--fork", "true"]).status === 0

  it.runIf(canUnshare)("when it runs in a real PID namespace of its own, in both directions", async () => { // unshare: Linux and root
    const { holder } = await start("unshare", ["--pid", "--fork", "--kill-child", process.execPath])
    expect(holder.host).toBe(identity.self.host)
    expect(holder.bootId).toBe(identity.self.bootId)
    expect(holder.pidNamespace).not.toBe(identity.self.pidNamespace)
    expect(await look(holder)).toBe("unknown")
    const inside = spawnSync("unshare", ["--pid", "--fork", process.execPath, ...arguments_, JSON.stringify({ ...identity.self, sinceMs: 0 })], {
      encoding: "utf8"
    })
    expect(inside.stdout).toBe("unknown\n")
  })

  it.runIf(canUnshare)("and inside a namespace whose /proc shows the outer one, a number of ours that is taken proves nothing", async () => { // unshare: Linux and root
    // Process 1 of the new namespace exists there; the mounted /proc shows the machine's first process under that number.
    const inside = spawnSync("unshare", ["--pid", "--fork", process.execPath, ...arguments_, "first"], { encoding: "utf8" })
    expect(inside.stdout).toBe("unknown\n")
  })
})

it("keeps a clock that processes of one boot share and that no time change moves", async () => {
  const before = identity.monotonicMs()
  const { stdout } = spawnSync(process.execPath, [...arguments_, "clock"], { encoding: "utf8" })
  expect(Number(stdout)).toBeGreaterThan(before)
  expect(Number(stdout)).toBeLessThan(identity.monotonicMs())
})

it("reads the start time behind a process name that holds spaces and parentheses", () => {
  const fields = ["S", ...Array.from({ length: 18 }, (_, i) => String(i)), "4711", "9"]
  expect(NodeProcessIdentity.parseProcStat(`12 (a ) b) (c) ${fields.join(" ")}\n`)).toEqual({ state: "S", start: "4711" })
  expect(NodeProcessIdentity.parseProcStat("")).toBeUndefined()
})
