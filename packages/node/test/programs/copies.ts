// A process that copies all runs of a folder to another place: `copies.ts <from> <to> [wait]`; says "begun" and "done", and with "wait" copies nothing
// until it is killed.
import process from "node:process"
import { Effect } from "effect"
import { CopyRuns, RunArchive } from "../../src/index.ts"
import { storeIn } from "../copying.ts"

const [from, to, wait] = process.argv.slice(2) as [string, string, string?]

const program = Effect.gen(function*() {
  const source = yield* storeIn(from)
  const target = to.endsWith(RunArchive.EXTENSION) ? yield* RunArchive.target(to) : (yield* storeIn(to)).place
  process.stdout.write("begun\n")
  // A timer keeps the process alive.
  if (wait !== undefined) yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 2 ** 30)))
  yield* CopyRuns.copy(source.place, target)
  process.stdout.write("done\n")
})

await Effect.runPromise(Effect.scoped(program) as Effect.Effect<void, unknown>)
