import { Argument, Command, Flag } from "effect/cli"
import { handle, text, toggle } from "../Invocation.ts"

const runId = Argument.String("runId").pipe(Argument.withDescription("Id of a run"))

const list = Command.make("list", { runId }, handle(async () => (await import("../handlers/artifactList.ts")).artifactList)).pipe(
  Command.withAlias("ls"),
  Command.withDescription("List the artifacts of a run: outputs of its steps, and what they put under a name"),
  Command.withExamples([{ command: "uniflow artifact list run_7" }])
)

const get = Command.make("get", {
  runId,
  name: Argument.String("name").pipe(Argument.withDescription("Its name, its step's name, or the beginning of its hash")),
  output: text("output", "file", "Write to this file instead of stdout").pipe(Flag.withAlias("o")),
  force: toggle("force", "Replace a file that is there")
}, handle(async () => (await import("../handlers/artifactGet.ts")).artifactGet)).pipe(
  Command.withDescription("Print or save the bytes of an artifact, verified by their hash"),
  Command.withExamples([
    { command: "uniflow artifact get run_7 confusion.csv" },
    { command: "uniflow artifact get run_7 train -o model.cbor" }
  ])
)

/** `uniflow artifact` */
export const artifact = Command.make("artifact").pipe(
  Command.withDescription("List and get what runs saved"),
  Command.withSubcommands([list, get]),
  Command.withExamples([{ command: "uniflow artifact list run_7" }, { command: "uniflow artifact get run_7 train -o model.cbor" }])
)
