import { Argument, Command, Flag } from "effect/cli"
import { handle, orUndefined, text, texts } from "../Invocation.ts"

/** `uniflow resume` */
export const resume = Command.make("resume", {
  runId: Argument.String("runId").pipe(Argument.withDescription("Id of a run, or last-failed")),
  rerun: texts("rerun", "step", "Execute this step whatever is saved. Repeat it for more"),
  from: text("from", "step", "Execute this step and those after it, whatever is saved"),
  param: texts("param", "name=value", "A secret param, which is not recorded").pipe(Flag.withAlias("p")),
  mode: orUndefined(Flag.Literals("mode", ["auto", "strict", "trust"]).pipe(
    Flag.withDescription("auto: what changed runs again; strict: refuse it; trust: reuse by name")
  )),
  concurrency: orUndefined(Flag.Int("concurrency").pipe(Flag.withMetavar("number"), Flag.withDescription("Steps executed at once (default 8)")))
}, handle(async () => (await import("../handlers/resume.ts")).resume)).pipe(
  Command.withDescription("Go on with a run that failed, was interrupted or died, with the params it was started with"),
  Command.withExamples([
    { command: "uniflow resume run_7" },
    { command: "uniflow resume last-failed", description: "The newest run that did not complete" },
    { command: "uniflow resume run_7 --rerun evaluate", description: "Execute one step again" }
  ])
)
