// Works on a file artifact store and kills itself at a named fault point: <directory> <put|remove> <point> <nth>
import { FaultPoints } from "@uniflow/core"
import { Effect } from "effect"
import process from "node:process"
import * as FileArtifactStore from "../../src/FileArtifactStore.ts"
import * as NodeProcessIdentity from "../../src/NodeProcessIdentity.ts"
import { sourceOf } from "./values.ts"

const [directory, work, point, nth] = process.argv.slice(2) as [string, string, string, string]

let reached = 0
const faults = {
  at: (name: string) => {
    if (name === point && ++reached === Number(nth)) process.kill(process.pid, "SIGKILL")
  }
}

const program = Effect.gen(function*() {
  const store = yield* FileArtifactStore.make({ directory })
  switch (work) {
    case "put": {
      for (const number of [1, 2, 3]) {
        const { digest } = yield* store.put(sourceOf(number))
        console.log(digest)
      }
      // Once more: now it is refreshed.
      console.log((yield* store.put(sourceOf(1))).digest)
      return
    }
    case "remove": {
      const { digest } = yield* store.put(sourceOf(1))
      console.log(digest)
      yield* store.remove(digest, { refreshedBeforeMs: Date.now() + 60_000 })
      return
    }
  }
})

await Effect.runPromise(Effect.provide(Effect.provideService(program, FaultPoints, faults), NodeProcessIdentity.layer))
