import { MemoryRunStore } from "@uniflow/core"
import { runStoreSuite } from "@uniflow/testkit"
import { Effect } from "effect"

runStoreSuite({
  name: "MemoryRunStore",
  store: Effect.map(MemoryRunStore.make, (store) => ({ open: Effect.succeed(store) })),
  capabilities: { durable: { not: "memory is gone with its process" } }
})
