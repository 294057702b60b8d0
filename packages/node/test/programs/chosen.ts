// Says which folder is chosen without options, and which with the one in the first argument.
import { Effect } from "effect"
import * as UniflowDirectory from "../../src/UniflowDirectory.ts"

for (const options of [{}, { directory: process.argv[2] }]) {
  console.log(await Effect.runPromise(UniflowDirectory.make(options)).then(({ path }) => path, (error: Error) => error.message))
}
