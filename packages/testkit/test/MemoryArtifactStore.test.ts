import { MemoryArtifactStore } from "@uniflow/core"
import { artifactStoreSuite } from "@uniflow/testkit"
import { Effect } from "effect"

artifactStoreSuite({
  name: "MemoryArtifactStore",
  store: Effect.map(MemoryArtifactStore.make, (store) => ({ open: Effect.succeed(store) })),
  capabilities: { durable: { not: "memory is gone with its process" } }
})
