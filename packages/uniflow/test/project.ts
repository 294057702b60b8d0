import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { invoke } from "../src/cli/main.ts"
import { Output } from "../src/cli/Output.ts"

export const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))
const packageFolder = fileURLToPath(new URL("..", import.meta.url))

/** A command that has ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs. */
export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when stdout or stderr holds the text; rejects when the command ends without it. */
  readonly says: (text: string) => Promise<void>
}

/** A project in a folder of its own, with `uniflow` installed as a link. */
export interface Project {
  readonly folder: string
  readonly write: (name: string, text: string) => void
  readonly start: (...args: ReadonlyArray<string>) => Started
  readonly run: (...args: ReadonlyArray<string>) => Promise<Ended>
  /** The same within this process: for commands that need no code. */
  readonly invoke: (...args: ReadonlyArray<string>) => Promise<Ended>
  readonly has: (name: string) => boolean
  readonly remove: () => void
}

export const makeProject = (files: { readonly [name: string]: string } = {}): Project => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-command-")))
  mkdirSync(join(folder, ".git"))
  mkdirSync(join(folder, "node_modules"))
  symlinkSync(packageFolder, join(folder, "node_modules", "uniflow"))
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
  write("package.json", JSON.stringify({ private: true, type: "module" }))
  for (const [name, text] of Object.entries(files)) write(name, text)

  const start = (...args: ReadonlyArray<string>): Started => {
    const { CI: _, FORCE_COLOR: __, UNIFLOW_DIR: ___, ...env } = process.env
    const child = spawn(process.execPath, ["--conditions=uniflow-source", bin, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] })
    let stdout = ""
    let stderr = ""
    const waiting = new Set<() => void>()
    const heard = (): void => {
      for (const look of waiting) look()
    }
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      heard()
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
      heard()
    })
    const ended = once(child, "close").then(([code, signal]): Ended => ({ code, signal, stdout, stderr }))
    const says = (text: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!stdout.includes(text) && !stderr.includes(text)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
        void ended.then(() => reject(new Error(`The command ended without saying ${JSON.stringify(text)}:\n${stdout}\n${stderr}`)))
      })
    return { child, ended, says }
  }

  return {
    folder,
    write,
    start,
    run: (...args) => start(...args).ended,
    invoke: async (...args) => {
      const printed = { stdout: "", stderr: "" }
      const sink = (name: keyof typeof printed) => ({
        write: (text: string | Uint8Array, done?: () => void) => {
          printed[name] += typeof text === "string" ? text : Buffer.from(text).toString("utf8")
          done?.()
          return true
        }
      })
      const output = new Output({ json: args.includes("--json"), quiet: args.includes("-q") || args.includes("--quiet"), verbose: false }, sink("stdout"), sink("stderr"), {})
      const directory = args.includes("--directory") ? args[args.indexOf("--directory") + 1] : undefined
      const code = await invoke(args, { output, directory, config: undefined, cwd: folder, version: "0.0.0" })
      return { code, signal: null, ...printed }
    },
    has: (name) => existsSync(join(folder, name)),
    remove: () => rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Pipelines for the tests: `digits` waits in `train` after its third epoch until a file named `go` is there, and counts
 * how often `load` was executed in a file.
 */
export const config = `
import { appendFileSync, existsSync } from "node:fs"
import { defineConfig, Metrics, Pipeline, Schema, Step } from "uniflow"

const load = Step.make("load", {
  version: "1",
  cache: true,
  run: () => {
    appendFileSync("loads", "x")
    console.log("printed by load")
    return [1, 2, 3]
  }
})

const gate = async (signal: AbortSignal): Promise<void> => {
  while (!existsSync("go")) {
    signal.throwIfAborted()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const train = Step.make("train", {
  version: "1",
  inputs: { images: load },
  params: { learningRate: Schema.Number, epochs: Step.withDefault(Schema.Int, 5) },
  run: async ({ params, checkpoint, metrics, progress, log, signal }) => {
    let { epoch } = (await checkpoint.latest<{ epoch: number }>("model")) ?? { epoch: 0 }
    log("begins after epoch " + epoch)
    for (; epoch < params.epochs; epoch++) {
      if (epoch === 3) {
        log("waits")
        await gate(signal)
      }
      metrics.log({ loss: params.learningRate / (epoch + 1) }, { index: epoch })
      progress(epoch + 1, params.epochs)
      await checkpoint.save("model", { epoch: epoch + 1 })
    }
    return { epochs: params.epochs }
  }
})

const evaluate = Step.make("evaluate", {
  version: "1",
  inputs: { model: train },
  params: { learningRate: Schema.Number },
  run: async ({ params, artifacts }) => {
    await artifacts.put("report.txt", "score\\n")
    return Metrics.create({ accuracy: 1 - params.learningRate })
  }
})

const digits = Pipeline.make("digits", { steps: [evaluate], goals: { accuracy: "maximize", loss: "minimize" } })

const hostile = Pipeline.make("hostile", {
  steps: [
    Step.make("evil\\u001bcstep", {
      version: "1",
      params: { text: Step.withDefault(Schema.String, "p\\u001b]0;title\\u0007") },
      run: ({ log }) => {
        log("log\\u001b[31m\\u202elog")
        throw new Error("boom\\u001b[2J\\u0007 here")
      }
    })
  ]
})

const charge = Pipeline.make("pay", {
  steps: [Step.make("charge", { version: "1", once: true, run: () => { throw new Error("gateway timeout") } })]
})

export default defineConfig({ pipelines: [digits, hostile, charge] })
`
