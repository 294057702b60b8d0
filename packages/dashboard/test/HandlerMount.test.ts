import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Runner, Uniflow } from "@uniflow/core"
import { handlerDoor, mountSuite, recordHostileRuns } from "@uniflow/testkit"
import { Layer } from "effect"
import { Dashboard } from "../src/index.ts"

mountSuite({
  name: "handler",
  open: async () => {
    const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
    await recordHostileRuns(uniflow)
    const host = "localhost:4983"
    const dashboard = Dashboard.make({ uniflow, hosts: [host] })
    const keys = Reflect.ownKeys(Object.prototype).join()
    return {
      door: handlerDoor((request) => dashboard.handler(request, { path: "/uniflow" }), { base: "/uniflow", host }),
      secrets: [process.cwd()],
      uniflow,
      check: async () => {
        if (Reflect.ownKeys(Object.prototype).join() !== keys || "polluted" in {}) throw new Error("Object.prototype was changed")
      },
      close: async () => {
        await dashboard.dispose()
        await uniflow.close()
      }
    }
  }
})
