import { Argument, Command } from "effect/cli"
import { handle, text } from "../Invocation.ts"

const experiment = Argument.String("experiment").pipe(Argument.withDescription("Name of an experiment (by default that of its pipeline)"))

const write = Command.make("write", {
  file: Argument.String("file").pipe(Argument.withDescription("A JSON file to commit, such as baseline.json; replaced where it is there")),
  runIds: Argument.atLeast(Argument.String("runId").pipe(Argument.withDescription("Completed runs: one, or several that repeat the same thing")), 0),
  experiment: text("experiment", "name", "Runs of this experiment"),
  pipeline: text("pipeline", "name", "Runs of this pipeline"),
  where: text("where", "filter", "Runs that a filter matches (docs/finding.md)")
}, handle(async () => (await import("../handlers/baseline.ts")).baselineWrite)).pipe(
  Command.withDescription("Write the figures of runs to a file that is committed, for builds without a history to compare with"),
  Command.withExamples([
    { command: "uniflow baseline write baseline.json run_7" },
    { command: "uniflow baseline write baseline.json --where 'tags.sweep = \"rates\" and params.learningRate = 0.1'", description: "Of repeats" },
    { command: "uniflow experiment compare run_8 --against baseline.json --fail-on \"metrics.accuracy drops > 0.01\"", description: "In CI" }
  ])
)

const pin = Command.make("pin", {
  runId: Argument.String("runId").pipe(Argument.withDescription("A completed run"))
}, handle(async () => (await import("../handlers/baseline.ts")).baselinePin)).pipe(
  Command.withDescription("Make a run the baseline of its experiment: lists and comparisons show the differences to it, and prune keeps it"),
  Command.withExamples([{ command: "uniflow baseline pin run_7" }])
)

const unpin = Command.make("unpin", { experiment }, handle(async () => (await import("../handlers/baseline.ts")).baselineUnpin)).pipe(
  Command.withDescription("Take the pin from the baseline of an experiment"),
  Command.withExamples([{ command: "uniflow baseline unpin digits" }])
)

const show = Command.make("show", { experiment }, handle(async () => (await import("../handlers/baseline.ts")).baselineShow)).pipe(
  Command.withDescription("Say which run is the baseline of an experiment"),
  Command.withExamples([{ command: "uniflow baseline show digits" }])
)

/** `uniflow baseline` */
export const baseline = Command.make("baseline").pipe(
  Command.withDescription("Pin the run that others are compared with, or write its figures to a file"),
  Command.withSubcommands([pin, unpin, show, write]),
  Command.withExamples([
    { command: "uniflow baseline pin run_7" },
    { command: "uniflow baseline write baseline.json run_7" }
  ])
)
