// Stores that break a promise, each in its own way: the harness must find them out.
import { FaultPoints, Runner, RunStore, type RunStoreService } from "@uniflow/core"
import type { CrashTarget } from "@uniflow/testkit/crash"
import { Effect, Layer } from "effect"
import { target as whole } from "./target.ts"

/** The default on another run store: one that is made of the right one. */
export const broken = (
  name: string,
  breaking: (store: RunStoreService) => Pick<RunStoreService, "commit">,
  faultPoints: ReadonlyArray<string> = []
): CrashTarget => ({
  ...whole,
  name,
  faultPoints: [...whole.faultPoints, ...faultPoints],
  layer: (directory) =>
    // Fresh: the one inside of the default has the right store.
    Layer.fresh(Runner.layer).pipe(
      Layer.provideMerge(Layer.effect(RunStore, Effect.map(RunStore, (store) => ({ ...store, ...breaking(store) })))),
      Layer.provideMerge(whole.layer(directory))
    )
})

/** Between two halves of what belongs together. */
export const halfway = Effect.map(FaultPoints, ({ at }) => at("broken:halfway"))
