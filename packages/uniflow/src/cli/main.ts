/**
 * The `uniflow` command: its tree of commands, what all of them accept, and how it ends.
 *
 * Built into one file with the parts of Effect it uses, so that the help is there at once; the bodies of commands are
 * imported when they are run.
 */
import process from "node:process"
import { Cause, Effect, Exit, FileSystem, Layer, Path, Stdio, Terminal } from "effect"
import { CliConfig, type CliError, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import { ChildProcessSpawner } from "effect/process"
import { artifact } from "./commands/artifact.ts"
import { baseline } from "./commands/baseline.ts"
import { experiment } from "./commands/experiment.ts"
import { fork } from "./commands/fork.ts"
import { reproduce } from "./commands/reproduce.ts"
import { resume } from "./commands/resume.ts"
import { run } from "./commands/run.ts"
import { sweep } from "./commands/sweep.ts"
import { ui } from "./commands/ui.ts"
import { cancel, explain, resolve, watch } from "./commands/runs.ts"
import { completions, copy, doctor, gc, prune } from "./commands/store.ts"
import type { Context } from "./Context.ts"
import { ExitCode, meanings } from "./ExitCode.ts"
import { describeFailure, UsageError } from "./Failure.ts"
import { renderHelp } from "./HelpPage.ts"
import { Invocation, text, toggle } from "./Invocation.ts"
import { Output } from "./Output.ts"

const settings = {
  json: GlobalFlag.Setting("json")({ flag: toggle("json", "Print JSON, errors too") }),
  quiet: GlobalFlag.Setting("quiet")({ flag: Flag.withAlias(toggle("quiet", "Print only what was asked for; of runs, their ids"), "q") }),
  verbose: GlobalFlag.Setting("verbose")({ flag: toggle("verbose", "Print the stacks of errors") }),
  directory: GlobalFlag.Setting("directory")({ flag: text("directory", "folder", "The folder that holds everything (default: UNIFLOW_DIR, else .uniflow)") }),
  config: GlobalFlag.Setting("config")({ flag: text("config", "file", "The config (default: uniflow.config.ts here or above)") })
}

const root: Command.Command.Any = Command.make("uniflow").pipe(
  Command.withDescription("Run resumable, tracked pipelines, and look at what they did."),
  Command.withSubcommands([
    { group: "Run", commands: [run, resume, fork, sweep, reproduce, watch, cancel, resolve] },
    { group: "Look", commands: [ui, explain, experiment, baseline, artifact] },
    { group: "Keep", commands: [copy, prune, gc, doctor, completions(() => root)] }
  ]),
  Command.withGlobalFlags(Object.values(settings)),
  Command.withExamples([
    { command: "uniflow run digits --param learningRate=0.1", description: "Run a pipeline of uniflow.config.ts" },
    { command: "uniflow resume last-failed", description: "Go on where it failed" },
    { command: "uniflow explain run_7", description: "Why did each step run, or not?" },
    { command: "uniflow experiment compare run_7 run_8", description: "Which one was better?" }
  ])
)

/** Global switches matter before the command line is understood: an error in it is told as JSON, too. */
const has = (args: ReadonlyArray<string>, ...names: ReadonlyArray<string>): boolean => {
  const end = args.indexOf("--")
  return (end < 0 ? args : args.slice(0, end)).some((arg) => names.includes(arg))
}

/** What follows a global flag, as `--name value` or `--name=value`. */
const valueOf = (args: ReadonlyArray<string>, name: string): string | undefined => {
  const end = args.indexOf("--")
  const before = end < 0 ? args : args.slice(0, end)
  const at = before.findIndex((arg) => arg === name || arg.startsWith(`${name}=`))
  return at < 0 ? undefined : before[at] === name ? before[at + 1] : before[at]!.slice(name.length + 1)
}

const oneMessage = (errors: ReadonlyArray<CliError.CliError>, commandPath: ReadonlyArray<string>): string => {
  const issues = [...new Set(errors.map((error) => error.message.replace(/\s*Did you mean this\?\s*(.*)$/s, (_, names: string) => `. Did you mean ${names.trim().split(/\s+/).join(" or ")}?`)))]
  return `${issues.map((issue) => issue.replace(/[.?]?$/, (end) => end || ".")).join(" ")} See: ${commandPath.join(" ")} --help`
}

const presenter = (output: Output, failed: (error: UsageError) => void): CliOutput.Presenter => {
  return {
    present: (event) =>
      Effect.sync(() => {
        if (event._tag === "Version") {
          if (output.json) output.document({ uniflow: event.version })
          else output.raw(`uniflow ${event.version}\n`)
        }
        else if (event._tag === "InvalidInvocation") failed(new UsageError(oneMessage(event.errors, event.commandPath)))
        else {
          const help = renderHelp(event.helpDoc, { columns: output.columns, tone: output.tone, exitCodes: meanings })
          if (output.json) output.document({ help })
          else output.raw(`${help}\n`)
        }
      })
  }
}

/** The services that the parser asks for; no command line of ours uses them. */
const services = Layer.mergeAll(
  FileSystem.layerNoop({}),
  Path.layer,
  Stdio.layerTest({}),
  Layer.succeed(Terminal.Terminal, Terminal.make({
    columns: Effect.succeed(80),
    rows: Effect.succeed(24),
    size: Effect.die("not used"),
    readInput: Effect.die("not used"),
    readLine: Effect.die("not used"),
    display: () => Effect.void
  })),
  Layer.succeed(ChildProcessSpawner.ChildProcessSpawner, ChildProcessSpawner.make(() => Effect.die("not used"))),
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })
)

/** Runs a command line to its end and gives the exit code. */
export const invoke = async (args: ReadonlyArray<string>, context: Context): Promise<ExitCode> => {
  const { output } = context
  let code: ExitCode = ExitCode.success
  let refused = false
  const refuse = (error: UsageError): void => {
    refused = true
    code = output.fail(error)
  }
  const program = Command.runWith(root as Command.Command<"uniflow", {}, {}, unknown, Invocation>, { version: context.version })(args).pipe(
    Effect.provideService(Invocation, { context, end: (ended) => (code = ended) }),
    Effect.provideService(CliOutput.Presenter, presenter(output, refuse)),
    Effect.provide(services)
  )
  const exit = await Effect.runPromiseExit(program as Effect.Effect<void, unknown>)
  if (Exit.isSuccess(exit) || refused) return code
  const error = Cause.squash(exit.cause)
  // A group without a command prints its help; on its own `uniflow` is a question that was answered.
  if (typeof error === "object" && error !== null && "_tag" in error && error._tag === "ShowHelp") return args.length === 0 ? ExitCode.success : ExitCode.usage
  return output.fail(error)
}

/** Whoever reads the output may go away (`| head`), or its disk be full: that is no reason to stop a run. */
const outliveReaders = (output: Output): void => {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => output.close(error.code === "EPIPE" || error.code === "EIO" ? undefined : error))
  process.stderr.on("error", () => {})
}

/** Runs a command line and ends the process with its exit code. */
export const main = async (args: ReadonlyArray<string>, version: string): Promise<void> => {
  const output = new Output({ json: has(args, "--json"), quiet: has(args, "--quiet", "-q"), verbose: has(args, "--verbose") })
  outliveReaders(output)
  const code = await invoke(args, {
    output,
    directory: valueOf(args, "--directory"),
    config: valueOf(args, "--config"),
    cwd: process.cwd(),
    version
  })
  await output.flush()
  if (output.incomplete !== undefined) {
    const lost = output.fail(new Error(`Not everything could be printed: ${describeFailure(output.incomplete).message}`))
    await output.flush()
    process.exit(code === ExitCode.success ? lost : code)
  }
  // What a config or a step left open (a pool, a timer) must not keep the command from ending.
  process.exit(code)
}
