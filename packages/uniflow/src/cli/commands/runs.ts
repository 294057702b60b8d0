import { Argument, Command } from "effect/cli"
import { handle, text, toggle } from "../Invocation.ts"

const runId = Argument.String("runId").pipe(Argument.withDescription("Id of a run"))

/** `uniflow explain` */
export const explain = Command.make("explain", {
  runId,
  step: text("step", "name", "Only this step, with its items if it is a map"),
  items: toggle("items", "The items of maps, too")
}, handle(async () => (await import("../handlers/explain.ts")).explain)).pipe(
  Command.withDescription("Say for each step of a run why it was executed, restored, cached or skipped"),
  Command.withExamples([
    { command: "uniflow explain run_7" },
    { command: "uniflow explain run_7 --step train" }
  ])
)

/** `uniflow watch` */
export const watch = Command.make("watch", { runId }, handle(async () => (await import("../handlers/watch.ts")).watch)).pipe(
  Command.withDescription("Follow a run of any process until it ends; Ctrl-C leaves it running"),
  Command.withExamples([
    { command: "uniflow watch run_7" },
    { command: "uniflow watch run_7 --json | jq -r .message", description: "Its events as JSON lines" }
  ])
)

/** `uniflow cancel` */
export const cancel = Command.make("cancel", { runId }, handle(async () => (await import("../handlers/cancel.ts")).cancel)).pipe(
  Command.withDescription("Ask a run of any process to stop; it resumes later"),
  Command.withExamples([{ command: "uniflow cancel run_7" }])
)

/** `uniflow resolve` */
export const resolve = Command.make("resolve", {
  runId,
  step: Argument.String("step").pipe(Argument.withDescription("A step with `once` whose outcome is unknown")),
  output: text("output", "json", "It took effect, and gave this"),
  failed: toggle("failed", "It did not take effect; resuming runs it with the same idempotency key"),
  rerun: toggle("rerun", "Run it again, with a new idempotency key")
}, handle(async () => (await import("../handlers/resolve.ts")).resolve)).pipe(
  Command.withDescription("Decide about a `once` step whose outcome is unknown"),
  Command.withExamples([
    { command: "uniflow resolve run_7 charge --output '{\"id\": \"ch_1\"}'", description: "It was paid" },
    { command: "uniflow resolve run_7 charge --failed", description: "It was not" }
  ])
)
