import { Argument, Command, Flag } from "effect/cli"
import { handle, orUndefined, text, texts, toggle } from "../Invocation.ts"

/** `uniflow reproduce` */
export const reproduce = Command.make("reproduce", {
  runId: Argument.String("runId").pipe(Argument.withDescription("Id of the run to execute again")),
  inPlace: toggle("in-place", "With the present code instead of the recorded one"),
  tolerance: text("tolerance", "number", "Numbers that deviate by no more than so much of the larger one are the same: 1e-9 (default 0)"),
  param: texts("param", "name=value", "A secret param, which is not recorded").pipe(Flag.withAlias("p")),
  allowOnce: toggle("allow-once", "Also execute steps that run at most once: they pay, mail or deploy again"),
  attempt: orUndefined(Flag.Int("attempt").pipe(Flag.withMetavar("number"), Flag.withDescription("Whose code to take (default: the newest whose outcome stands)"))),
  dependencies: orUndefined(Flag.Literals("dependencies", ["auto", "present", "install"]).pipe(
    Flag.withDescription("auto: those installed here where the lockfile is the same, else installed anew; present; install")
  )),
  prepare: texts("prepare", "command", "A command of the shell to run in the worktree first, such as a build. Repeat it for more"),
  link: texts("link", "path", "A file or folder git does not have, to be linked from the present tree. Repeat it for more"),
  concurrency: orUndefined(Flag.Int("concurrency").pipe(Flag.withMetavar("number"), Flag.withDescription("Steps executed at once (default 8)"))),
  keep: toggle("keep", "Keep the worktree and the scratch store, and say where")
}, handle(async () => (await import("../handlers/reproduce.ts")).reproduce)).pipe(
  Command.withDescription("Execute a run again, with the code, params and seed it was recorded with, and say what came out otherwise"),
  Command.withExamples([
    { command: "uniflow reproduce run_7", description: "In a worktree of its commit, with the patch of its dirty tree" },
    { command: "uniflow reproduce run_7 --in-place", description: "Does the present code still give the same?" },
    { command: "uniflow reproduce run_7 --tolerance 1e-9", description: "Numbers need not be the same to the last bit" }
  ])
)
