/**
 * How definitions of commands lead to their bodies: a body is imported only when its command is run, so that the help
 * loads neither SQLite nor a pipeline nor the runner.
 */
import { Context, Effect, Option } from "effect"
import { Flag } from "effect/cli"
import type { Context as CommandContext, Handler } from "./Context.ts"
import type { ExitCode } from "./ExitCode.ts"

/** The invocation under way: what bodies are given, and where they tell how it ended. */
export class Invocation extends Context.Service<Invocation, {
  readonly context: CommandContext
  readonly end: (code: ExitCode) => void
}>()("uniflow/cli/Invocation") {}

/** Runs a body that is imported now. */
export const handle = <Input>(body: () => Promise<Handler<Input>>) => (input: Input) =>
  Effect.flatMap(Invocation, ({ context, end }) =>
    Effect.map(Effect.tryPromise({ try: async () => (await body())(input, context), catch: (error) => error }), end))

/** An optional flag or argument, undefined where it was not given. */
export const orUndefined = <A>(flag: Flag.Flag<A>): Flag.Flag<A | undefined> => Flag.map(Flag.optional(flag), Option.getOrUndefined)

/** A switch that is off unless it is given. */
export const toggle = (name: string, description: string): Flag.Flag<boolean> =>
  Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withDefault(false), Flag.withDescription(description))

/** An optional text. */
export const text = (name: string, metavar: string, description: string): Flag.Flag<string | undefined> =>
  orUndefined(Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description)))

/** A text that may be given several times. */
export const texts = (name: string, metavar: string, description: string): Flag.Flag<ReadonlyArray<string>> =>
  Flag.atLeast(Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description)), 0)
