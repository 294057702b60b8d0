// A process that copies all runs of a folder to another place: `copies.ts <from> <to>`; says "begun" and "done".
import process from "node:process"
import { Effect } from "effect"
import { CopyRuns, RunArchive } from "../../src/index.ts"
import { storeIn } from "../copying.ts"

const [from, to] = process.argv.slice(2) as [string, string]

const program = Effect.gen(function*() {
  const source = yield* storeIn(from)
  const target = to.endsWith(RunArchive.EXTENSION) ? yield* RunArchive.target(to) : (yield* storeIn(to)).place
  process.stdout.write("begun\n")
  yield* CopyRuns.copy(source.place, target)
  process.stdout.write("done\n")
})

await Effect.runPromise(Effect.scoped(program) as Effect.Effect<void, unknown>)
