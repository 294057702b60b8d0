// Prints who this process is and waits until its input ends; or looks at a holder that is given; or tells its clock.
import { Holder, ProcessIdentity } from "@uniflow/core"
import { Effect, Schema } from "effect"
import * as NodeProcessIdentity from "../../src/NodeProcessIdentity.ts"

const identity = Effect.runSync(Effect.provide(ProcessIdentity, NodeProcessIdentity.layer))
const question = process.argv[2]
if (question === undefined) {
  console.log(JSON.stringify({ ...identity.self, sinceMs: Date.now() }))
  process.stdin.resume()
} else if (question === "clock") {
  console.log(identity.monotonicMs())
} else {
  const holder = question === "first"
    ? { ...identity.self, nonce: "other", pid: 1, processStart: "1", sinceMs: 0 }
    : Schema.decodeUnknownSync(Schema.fromJsonString(Holder))(question)
  console.log(await Effect.runPromise(identity.look(holder)))
}
