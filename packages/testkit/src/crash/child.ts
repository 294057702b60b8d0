/**
 * The process that is killed: `node child.ts <ChildRequest as JSON>`. Works on a target until it is done or dead, and
 * says on its output how far it has come (`Said`).
 */
import { openSync, writeSync } from "node:fs"
import process from "node:process"
import { createInterface } from "node:readline"
import { FaultPoints, Pipeline, RunIsActive, Step, StoreError, Uniflow } from "@uniflow/core"
import { Layer, Schema } from "effect"
import { ChildRequest, type Fault, Order, type Said } from "./ChildRequest.ts"
import { load } from "./CrashTarget.ts"
import { perform } from "./CrashWorkload.ts"
import { open } from "./ExpectedLog.ts"

const say = (line: Said): void => void writeSync(1, `${JSON.stringify(line)}\n`)

const faultsOf = (trace: string, fault: Fault | null): { readonly at: (point: string) => void } => {
  const file = openSync(trace, "a")
  let passed = 0
  return {
    at: (point) => {
      writeSync(file, `${point}\n`)
      if (fault === null || point !== fault.point || ++passed !== fault.nth) return
      switch (fault.action) {
        case "kill":
          return void process.kill(process.pid, "SIGKILL")
        case "tell":
          return say({ said: "passed" })
        case "full":
          throw Object.assign(new Error("no space left on device"), { code: "ENOSPC", errcode: 13 })
      }
    }
  }
}

const tagOf = (error: unknown): string => error instanceof StoreError
  ? `StoreError ${error.reason}`
  : typeof error === "object" && error !== null && "_tag" in error
  ? String(error._tag)
  : "Error"

/** Works on runs that end when they are told to. */
const hold = async (uniflow: Uniflow.Uniflow): Promise<void> => {
  const releases = new Map<string, () => void>()
  const held = Pipeline.make("crash-held", {
    steps: [Step.make("held", {
      version: "1",
      run: async ({ attempt, checkpoint, metrics, runId }) => {
        const released = new Promise<void>((resolve) => releases.set(runId, resolve))
        metrics.log({ attempt })
        say({ said: "entered", run: runId, attempt })
        await released
        await checkpoint.save("after", attempt)
        return attempt
      }
    })]
  })
  const work = async (runId: string): Promise<void> => {
    try {
      const { decisions } = await uniflow.run(held, { runId })
      say({ said: "ended", run: runId, how: decisions.held.decision, holder: null })
    } catch (error) {
      say({ said: "ended", run: runId, how: tagOf(error), holder: error instanceof RunIsActive ? error.holder.pid : null })
    }
  }
  const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Order))
  say({ said: "ready" })
  for await (const line of createInterface({ input: process.stdin })) {
    const order = decode(line)
    if (order.order === "run") void work(order.run)
    else if (order.order === "release") releases.get(order.run)?.()
    else break
  }
  process.stdin.destroy()
}

const request = Schema.decodeUnknownSync(Schema.fromJsonString(ChildRequest))(process.argv[2])
const target = await load(request.target)
const faults = Layer.succeed(FaultPoints, faultsOf(request.trace, request.fault))
const uniflow = Uniflow.make(Layer.provideMerge(target.layer(request.place), faults))
try {
  if (request.mode === "hold") await hold(uniflow)
  else {
    say({ said: "ready" })
    await perform(uniflow, open(request.log))
  }
  await uniflow.close()
  say({ said: "done" })
} catch (error) {
  say({ said: "failed", tag: tagOf(error), message: error instanceof Error ? error.stack ?? error.message : String(error) })
  process.exitCode = 1
}
