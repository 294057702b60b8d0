import { Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { handle, orUndefined, text, texts, toggle } from "../Invocation.ts"

const runId = Argument.String("runId").pipe(Argument.withDescription("Id of a run"))

const list = Command.make("list", {
  experiment: text("experiment", "name", "Runs of this experiment"),
  pipeline: text("pipeline", "name", "Runs of this pipeline"),
  status: Flag.atLeast(
    Flag.Literals("status", ["running", "completed", "failed", "interrupted", "crashed", "pending"]).pipe(Flag.withDescription("Runs in this state. Repeat it for more")),
    0
  ),
  tag: texts("tag", "name=value", "Among the listed ones, runs with this tag"),
  where: text("where", "filter", "Runs that a filter matches, such as 'metrics.accuracy > 0.9 and params.rate in (0.1, 0.5)'"),
  sort: text("sort", "fields", "In this order, such as 'metrics.accuracy desc, run.duration' (default: newest first)"),
  columns: text("columns", "fields", "Show these columns, such as params.rate,metrics.loss.min"),
  limit: Flag.Int("limit").pipe(Flag.withMetavar("number"), Flag.withDefault(20), Flag.withDescription("How many at most (default 20)")),
  after: text("after", "runId", "Go on after this run")
}, handle(async () => (await import("../handlers/experimentList.ts")).experimentList)).pipe(
  Command.withAlias("ls"),
  Command.withDescription("List runs: newest first, or found by a filter and sorted (docs/finding.md)"),
  Command.withExamples([
    { command: "uniflow experiment list --experiment digits --status completed" },
    { command: "uniflow experiment list --where 'metrics.accuracy >= 0.9 and run.started > now - 7d' --sort 'metrics.accuracy desc'", description: "The best of the week" },
    { command: "uniflow experiment list --columns params.learningRate,metrics.loss.min,run.duration" },
    { command: "uniflow experiment list --quiet --status failed", description: "Only the ids" }
  ])
)

const show = Command.make("show", { runId }, handle(async () => (await import("../handlers/experimentShow.ts")).experimentShow)).pipe(
  Command.withDescription("Show a run: params, metrics, steps with their reasons, attempts, artifacts, error"),
  Command.withExamples([
    { command: "uniflow experiment show run_7" },
    { command: "uniflow experiment show run_7 --json | jq .metrics" }
  ])
)

const compare = Command.make("compare", {
  runIds: Argument.atLeast(Argument.String("runId").pipe(Argument.withDescription("Runs; the first is the baseline, unless one is pinned")), 0),
  experiment: text("experiment", "name", "Instead of ids: runs of this experiment"),
  pipeline: text("pipeline", "name", "Instead of ids: runs of this pipeline"),
  where: text("where", "filter", "Instead of ids: runs that a filter matches (docs/finding.md)"),
  groupBy: text("group-by", "fields", "Compare groups of runs that repeat one another: those with the same params.learningRate, tags.model, run.git.commit, …"),
  group: texts("group", "name=run,run", "Compare lists of runs. Repeat it for each"),
  pairBy: text("pair-by", "field", "Compare groups pair by pair: runs with the same run.seed, …"),
  baseline: text("baseline", "name", "The run, or the group, that the others are compared with"),
  against: text("against", "file", "Compare with a file of uniflow baseline write"),
  metrics: text("metrics", "names", "Of groups: judge these metrics alone, such as accuracy,loss.min,run.duration"),
  confidence: orUndefined(Flag.Finite("confidence").pipe(Flag.withMetavar("number"), Flag.withDescription("Of groups: of intervals, and 1 minus the level of tests (default 0.95)"))),
  failOn: texts("fail-on", "condition", "End with code 7 if it holds: \"metrics.accuracy drops > 0.01\", \"metrics.loss worsens\", \"run.duration rises > 20%\". Repeat it for more"),
  all: toggle("all", "Also what is the same"),
  code: toggle("code", "Also the lines of code that differ"),
  format: orUndefined(Flag.Literals("format", ["table", "json", "md", "csv", "html"]).pipe(Flag.withDescription("How to print it (default table); html is one file that needs nothing else")))
}, handle(async () => (await import("../handlers/experimentCompare.ts")).experimentCompare)).pipe(
  Command.withDescription("Compare runs, or groups of runs: which one is better, and is it more than chance? (docs/comparing.md)"),
  Command.withExamples([
    { command: "uniflow experiment compare run_7 run_8" },
    { command: "uniflow experiment compare --pipeline digits --group-by params.learningRate", description: "Repeats under each learning rate" },
    { command: "uniflow experiment compare run_8 --against baseline.json --fail-on \"metrics.accuracy drops > 0.01\" --format md", description: "For a pull request" },
    { command: "uniflow experiment compare run_7 run_8 --format html > report.html" }
  ])
)

const tag = Command.make("tag", {
  runId,
  tags: Argument.atLeast(Argument.String("name=value").pipe(Argument.withDescription("Tags to set; name= removes one")), 1)
}, handle(async () => (await import("../handlers/experimentTag.ts")).experimentTag)).pipe(
  Command.withDescription("Set or remove tags of a run"),
  Command.withExamples([
    { command: "uniflow experiment tag run_7 model=small best=yes" },
    { command: "uniflow experiment tag run_7 best=", description: "Remove one" }
  ])
)

const note = Command.make("note", {
  runId,
  text: Argument.map(Argument.optional(Argument.String("text").pipe(Argument.withDescription("The note; without it, or empty, the note is removed"))), Option.getOrUndefined)
}, handle(async () => (await import("../handlers/experimentNote.ts")).experimentNote)).pipe(
  Command.withDescription("Write a note to a run"),
  Command.withExamples([{ command: "uniflow experiment note run_7 \"with the cleaned labels\"" }])
)

const remove = Command.make("delete", {
  runId,
  purge: toggle("purge", "Free the bytes that nothing else refers to at once, too"),
  dryRun: toggle("dry-run", "Say what would be deleted, and delete nothing"),
  yes: Flag.withAlias(toggle("yes", "Do not ask"), "y")
}, handle(async () => (await import("../handlers/experimentDelete.ts")).experimentDelete)).pipe(
  Command.withDescription("Delete a run with everything recorded of it (uniflow gc frees the bytes)"),
  Command.withExamples([{ command: "uniflow experiment delete run_7 --yes" }, { command: "uniflow experiment delete run_7 --purge --dry-run" }])
)

/** `uniflow experiment` */
export const experiment = Command.make("experiment").pipe(
  Command.withDescription("List, show, compare, annotate and delete runs"),
  Command.withSubcommands([list, show, compare, tag, note, remove]),
  Command.withExamples([
    { command: "uniflow experiment list" },
    { command: "uniflow experiment compare run_7 run_8" }
  ])
)
