import { Argument, Command, Flag } from "effect/cli"
import { Option } from "effect"
import { handle, orUndefined, text, texts, toggle } from "../Invocation.ts"

/** `uniflow sweep` */
export const sweep = Command.make("sweep", {
  pipeline: Argument.map(Argument.optional(Argument.String("pipeline").pipe(Argument.withDescription("Name of a pipeline of uniflow.config.ts"))), Option.getOrUndefined),
  grid: texts("grid", "name=v1,v2", "Values of a param: every combination of them is run. Repeat it for more"),
  random: texts("random", "name=how", "A param drawn at random: uniform:0,1 or log:1e-4,1 or int:1,9. Repeat it for more"),
  count: orUndefined(Flag.Int("count").pipe(Flag.withMetavar("number"), Flag.withDescription("How many values are drawn, with --random (default 10)"))),
  drawSeed: orUndefined(Flag.Int("draw-seed").pipe(Flag.withMetavar("number"), Flag.withDescription("What they are drawn from (default 0)"))),
  param: texts("param", "name=value", "A param that all runs have. Repeat it for more").pipe(Flag.withAlias("p")),
  params: text("params", "file.json", "A JSON file of such params (- for stdin); --param wins"),
  repeats: orUndefined(Flag.Int("repeats").pipe(Flag.withMetavar("number"), Flag.withDescription("Runs of the same params, under seeds 0, 1, … (default 1)"))),
  seeds: text("seeds", "s1,s2", "The seeds themselves"),
  concurrency: orUndefined(Flag.Int("concurrency").pipe(Flag.withMetavar("number"), Flag.withDescription("Runs at once (default 4)"))),
  id: text("id", "id", "Name the sweep (default: by its content); the same sweep again goes on with what is missing"),
  experiment: text("experiment", "name", "Group of runs (default: the pipeline's)"),
  tag: texts("tag", "name=value", "Tag its runs. Repeat it for more"),
  stopOnFailure: toggle("stop-on-failure", "Begin no further run after one has failed")
}, handle(async () => (await import("../handlers/sweep.ts")).sweep)).pipe(
  Command.withDescription("Run a pipeline many times, over params and seeds; what the runs share is executed once"),
  Command.withExamples([
    { command: "uniflow sweep digits --grid learningRate=0.1,0.5 --param epochs=10 --repeats 5", description: "2 x 5 runs" },
    { command: "uniflow sweep digits --random learningRate=log:0.001,1 --count 20 --param epochs=10", description: "20 values on a logarithmic scale" }
  ])
)
