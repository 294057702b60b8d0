import { Effect } from "effect"
import { Argument, Command, Completions, Flag } from "effect/cli"
import { ExitCode } from "../ExitCode.ts"
import { handle, Invocation, orUndefined, text, texts, toggle } from "../Invocation.ts"

const statuses = ["running", "completed", "failed", "interrupted", "crashed", "pending"] as const

/** `uniflow copy` */
export const copy = Command.make("copy", {
  from: Argument.String("from").pipe(Argument.withDescription("A .uniflow folder, a project that has one, or an archive (.uniflow.tar)")),
  to: Argument.String("to").pipe(Argument.withDescription("Likewise; made where it is not there")),
  run: texts("run", "runId", "Only this run. Repeat it for more"),
  experiment: text("experiment", "name", "Runs of this experiment"),
  pipeline: text("pipeline", "name", "Runs of this pipeline"),
  status: Flag.atLeast(Flag.Literals("status", statuses).pipe(Flag.withDescription("Runs in this state. Repeat it for more")), 0),
  where: text("where", "filter", "Runs that a filter matches (docs/finding.md)"),
  existing: Flag.Literals("existing", ["refuse", "skip", "rename"]).pipe(
    Flag.withDefault("refuse"),
    Flag.withDescription("What to do where another run has the same id: refuse all, skip it, or copy it under a new id (default refuse)")
  ),
  dryRun: toggle("dry-run", "Say what would be copied, and write nothing")
}, handle(async () => (await import("../handlers/copy.ts")).copy)).pipe(
  Command.withDescription("Copy runs with all that belongs to them between folders and archives; a backup while they are in use (docs/moving.md)"),
  Command.withExamples([
    { command: "uniflow copy . backup.uniflow.tar", description: "A backup of everything in one file" },
    { command: "uniflow copy backup.uniflow.tar ../other", description: "And back, into another project" },
    { command: "uniflow copy . best.uniflow.tar --where 'metrics.accuracy > 0.9'" },
    { command: "uniflow copy ../colleague . --run run_7 --existing rename --dry-run" }
  ])
)

/** `uniflow prune` */
export const prune = Command.make("prune", {
  keepLast: orUndefined(Flag.Int("keep-last").pipe(Flag.withMetavar("number"), Flag.withDescription("Keep the newest so many runs of each experiment"))),
  olderThan: text("older-than", "duration", "Remove only what ended longer ago: 12h, 30d, 8w"),
  failed: text("failed", "duration", "Remove what failed, crashed or was interrupted when it ended longer ago, whatever else is kept"),
  experiment: text("experiment", "name", "Only runs of this experiment"),
  dryRun: toggle("dry-run", "Say which runs would be removed and why, and remove nothing")
}, handle(async () => (await import("../handlers/prune.ts")).prune)).pipe(
  Command.withDescription("Remove old runs by rules, without any by those of `retention` in uniflow.config.ts (uniflow gc frees the bytes). Runs under way, baselines, those tagged keep and parents of unfinished forks stay"),
  Command.withExamples([
    { command: "uniflow prune --keep-last 20 --older-than 30d --dry-run" },
    { command: "uniflow prune --failed 7d" }
  ])
)

/** `uniflow gc` */
export const gc = Command.make("gc", {
  grace: text("grace", "duration", "How long bytes must not have been used: 30s, 10m, 1h, 7d (default 1h)"),
  dryRun: toggle("dry-run", "Say what would be freed, and free nothing")
}, handle(async () => (await import("../handlers/gc.ts")).gc)).pipe(
  Command.withDescription("Free the bytes that no run refers to; safe while runs are under way"),
  Command.withExamples([
    { command: "uniflow gc --dry-run" },
    { command: "uniflow gc --grace 7d" }
  ])
)

/** `uniflow doctor` */
export const doctor = Command.make("doctor", {}, handle(async () => (await import("../handlers/doctor.ts")).doctor)).pipe(
  Command.withDescription("Say which folder is used and why, what is in it, and whether it is sound"),
  Command.withExamples([{ command: "uniflow doctor" }])
)

const shells = ["bash", "zsh", "fish", "powershell"] as const

/** `uniflow completions`, of the command as a whole, which does not exist yet when this is defined. */
export const completions = (root: () => Command.Command.Any) =>
  Command.make("completions", {
    shell: Argument.Literals("shell", shells).pipe(Argument.withDescription("For which shell"))
  }, Effect.fnUntraced(function*({ shell }) {
    const { context, end } = yield* Invocation
    // The generator takes them for a flag; here they are a command.
    const script = Completions.generate("uniflow", shell, Completions.fromCommand(root())).replaceAll("uniflow --completions ", "uniflow completions ")
    if (context.output.json) context.output.document({ shell, script })
    else context.output.raw(`${script}\n`)
    end(ExitCode.success)
  })).pipe(
    Command.withDescription("Print a completion script for a shell"),
    Command.withExamples([
      { command: "uniflow completions bash > /etc/bash_completion.d/uniflow" },
      { command: "uniflow completions zsh > ~/.zfunc/_uniflow" },
      { command: "uniflow completions fish > ~/.config/fish/completions/uniflow.fish" }
    ])
  )
