import { Effect } from "effect"
import { Argument, Command, Completions } from "effect/cli"
import { ExitCode } from "../ExitCode.ts"
import { handle, Invocation, text, toggle } from "../Invocation.ts"

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
