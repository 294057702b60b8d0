import { Argument, Command, Flag } from "effect/cli"
import { handle, orUndefined, text, texts } from "../Invocation.ts"

/** `uniflow fork` */
export const fork = Command.make("fork", {
  runId: Argument.String("runId").pipe(Argument.withDescription("Id of the run to fork")),
  param: texts("param", "name=value", "A param that differs from that run's. Repeat it for more").pipe(Flag.withAlias("p")),
  params: text("params", "file.json", "A JSON file of params that differ (- for stdin); --param wins"),
  from: text("from", "step", "Execute this step and those after it, whatever was saved"),
  newId: text("run-id", "id", "Name the new run (default: a new id)"),
  experiment: text("experiment", "name", "Group of runs (default: that of the run)"),
  tag: texts("tag", "name=value", "Tag the new run. Repeat it for more"),
  concurrency: orUndefined(Flag.Int("concurrency").pipe(Flag.withMetavar("number"), Flag.withDescription("Steps executed at once (default 8)")))
}, handle(async () => (await import("../handlers/fork.ts")).fork)).pipe(
  Command.withDescription("Make a new run from another one: what still answers is taken over, the rest is executed"),
  Command.withExamples([
    { command: "uniflow fork run_7 --param epochs=20", description: "Train longer, from the checkpoints of run_7" },
    { command: "uniflow fork run_7 --from evaluate", description: "The same, with one step and what stands after it afresh" }
  ])
)
