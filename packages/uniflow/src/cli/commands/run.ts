import { Argument, Command, Flag } from "effect/cli"
import { Option } from "effect"
import { handle, orUndefined, text, texts, toggle } from "../Invocation.ts"

/** `uniflow run` */
export const run = Command.make("run", {
  pipeline: Argument.map(Argument.optional(Argument.String("pipeline").pipe(Argument.withDescription("Name of a pipeline of uniflow.config.ts"))), Option.getOrUndefined),
  param: texts("param", "name=value", "A param; text, or JSON where the param is none. Repeat it for more").pipe(Flag.withAlias("p")),
  params: text("params", "file.json", "A JSON file of params (- for stdin); --param wins"),
  runId: text("run-id", "id", "Name the run; the same id and params resume it"),
  seed: orUndefined(Flag.Int("seed").pipe(Flag.withMetavar("number"), Flag.withDescription("What random numbers derive from (default 0)"))),
  rerun: texts("rerun", "step", "Execute this step whatever is saved. Repeat it for more"),
  from: text("from", "step", "Execute this step and those after it, whatever is saved"),
  until: text("until", "step", "Run this step and those it stands on, no others"),
  only: text("only", "step", "Run this step alone, on what the run has saved"),
  mode: orUndefined(Flag.Literals("mode", ["auto", "strict", "trust"]).pipe(
    Flag.withDescription("auto: what changed runs again; strict: refuse it; trust: reuse by name")
  )),
  experiment: text("experiment", "name", "Group of runs (default: the pipeline's)"),
  tag: texts("tag", "name=value", "Tag the run. Repeat it for more"),
  concurrency: orUndefined(Flag.Int("concurrency").pipe(Flag.withMetavar("number"), Flag.withDescription("Steps executed at once (default 8)"))),
  dryRun: toggle("dry-run", "Say for each step what would happen, and do nothing")
}, handle(async () => (await import("../handlers/run.ts")).run)).pipe(
  Command.withDescription("Run a pipeline; with the id of a run that is there, resume it"),
  Command.withExamples([
    { command: "uniflow run digits --param learningRate=0.1 --param epochs=10", description: "A new run" },
    { command: "uniflow run digits --run-id run_7 --params params.json", description: "Under a name: the same command again resumes it" },
    { command: "uniflow run digits --run-id run_7 --params params.json --dry-run", description: "What would run again, and why" }
  ])
)
