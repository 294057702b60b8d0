import { Command, Flag } from "effect/cli"
import { handle, orUndefined, toggle } from "../Invocation.ts"

/** `uniflow ui` */
export const ui = Command.make("ui", {
  port: orUndefined(Flag.Int("port").pipe(Flag.withMetavar("number"), Flag.withDescription("The port (default: 4983, or the next that is free)"))),
  host: Flag.String("host").pipe(Flag.withMetavar("name"), Flag.withDefault("127.0.0.1"), Flag.withDescription("The address to listen on (default 127.0.0.1); another one asks for a token")),
  noOpen: toggle("no-open", "Do not open a browser")
}, handle(async () => (await import("../handlers/ui.ts")).ui)).pipe(
  Command.withDescription("Show the experiments page in a browser: runs, curves, comparisons"),
  Command.withExamples([{ command: "uniflow ui" }, { command: "uniflow ui --port 8080 --no-open" }])
)
