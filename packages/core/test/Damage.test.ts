import { expect, it } from "@effect/vitest"
import { Effect, Layer, Schema, SchemaGetter } from "effect"
import { ArtifactStore, type ArtifactStoreService, encodedOf, JsonCodec, MemoryArtifactStore, MemoryRunStore, Pipeline, Runner, RunStore, type RunStoreService, snapshot, Step } from "../src/index.ts"
import { ending, failure, layer, run } from "./memory.ts"

const big = (text: string) => text.repeat(30_000)

/** load -> copy, and other beside them; all outputs are larger than what is kept inside the run store. */
const make = (ran: Array<string>, copyVersion = "1") => {
  const load = Step.make("load", { version: "1", run: () => (ran.push("load"), big("l")) })
  const copy = Step.make("copy", { version: copyVersion, inputs: { load }, run: ({ inputs }) => (ran.push("copy"), inputs.load.length) })
  const other = Step.make("other", { version: copyVersion, run: () => (ran.push("other"), big("o")) })
  return Pipeline.make("p", { steps: [copy, other] })
}

const digestOf = (runId: string, step: string) =>
  Effect.map(snapshot(runId), ({ steps }) => steps.find(({ address }) => address === step)!.outcome.output!.digest)

const damages: ReadonlyArray<readonly [string, (digest: string) => Effect.Effect<unknown, unknown, ArtifactStore>]> = [
  ["missing", (digest) => Effect.flatMap(ArtifactStore, (store) => store.remove(digest, { refreshedBeforeMs: Infinity }))],
  ["cut short", (digest) => Effect.flatMap(ArtifactStore, (store) => store.put({ _tag: "Bytes", bytes: encodedOf(new Uint8Array(7)), digest }))],
  ["changed", (digest) => Effect.flatMap(ArtifactStore, (store) => store.put({ _tag: "Bytes", bytes: encodedOf(new Uint8Array(30_002)), digest }))]
]

/** Stores that cannot be read without waiting, like those of another machine. */
const distant = Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(
  Layer.effect(RunStore, Effect.map(MemoryRunStore.make, ({ blobNow: _, ...store }): RunStoreService => store)),
  Layer.effect(ArtifactStore, Effect.map(MemoryArtifactStore.make, ({ getNow: _, ...store }): ArtifactStoreService => store)),
  JsonCodec.layer
)))

for (const [kind, damage] of damages) {
  for (const [where, stores] of [["here", layer], ["far away", distant]] as const) {
    it.effect(`an output that is ${kind}, ${where}, is executed again when a later step wants it, and it is said`, () =>
      Effect.gen(function*() {
        const ran: Array<string> = []
        yield* run(make(ran), {}, { runId: "r" })
        const whole = yield* ending("r")
        yield* damage(yield* digestOf("r", "load"))
        ran.length = 0
        const again = yield* run(make(ran, "2"), {}, { runId: "r" })
        expect(ran.toSorted()).toEqual(["copy", "load", "other"])
        expect(again.decisions.load).toMatchObject({ decision: "executed", reasons: [{ component: "artifact", note: "its bytes are missing, damaged or no longer decode" }] })
        // What was executed before the damage was noticed is not told to be restored.
        expect(again.decisions.other.decision).toBe("executed")
        expect(again.outputs.load).toBe(big("l"))
        expect((yield* ending("r")).steps.map(({ output }) => output)).toEqual(whole.steps.map(({ output }) => output))
        ran.length = 0
        yield* run(make(ran, "2"), {}, { runId: "r" })
        expect(ran).toEqual([])
      }).pipe(Effect.provide(stores)))
  }
}

it.effect("an output whose damage is noticed by its reader is executed again by the next run", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    yield* run(make(ran), {}, { runId: "r" })
    yield* damages[2]![1](yield* digestOf("r", "load"))
    const restored = yield* run(make(ran), {}, { runId: "r" })
    expect(restored.decisions.load.decision).toBe("restored")
    expect(() => restored.outputs.load).toThrow("do not hash to its name")
    const again = yield* run(make(ran), {}, { runId: "r" })
    expect(again.decisions.load.decision).toBe("executed")
    expect(again.outputs.load).toBe(big("l"))
    expect(again.decisions.copy.decision).toBe("restored")
  }).pipe(Effect.provide(layer)))

it.effect("a store that has to be waited for notices it before it answers", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    yield* run(make(ran), {}, { runId: "r" })
    yield* damages[2]![1](yield* digestOf("r", "load"))
    ran.length = 0
    const again = yield* run(make(ran), {}, { runId: "r" })
    expect(ran).toEqual(["load"])
    expect(again.outputs.load).toBe(big("l"))
  }).pipe(Effect.provide(distant)))

it.effect("of a map only the damaged item is executed again", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const mapping = (version: string) => {
      const list = Step.make("list", { version: "1", run: () => ["a", "b", "c"] })
      const each = Step.map("each", { version: "1", over: list, run: ({ item }) => (ran.push(item), big(item)) })
      const sum = Step.make("sum", { version, inputs: { each }, run: ({ inputs }) => inputs.each.map((text) => text.length) })
      return Pipeline.make("p", { steps: [sum] })
    }
    for (const [kind, damage] of damages) {
      const runId = kind.replace(" ", "_")
      yield* run(mapping("1"), {}, { runId })
      const { output } = (yield* snapshot(runId)).steps.find(({ address }) => address.startsWith("each["))!.outcome
      yield* damage(output!.digest)
      ran.length = 0
      const again = yield* run(mapping("2"), {}, { runId })
      expect(ran.length).toBe(1)
      expect(again.outputs.sum).toEqual([30_000, 30_000, 30_000])
      expect(again.decisions.each.reasons.at(-1)).toEqual({ component: "items", note: "1 executed, 2 restored" })
    }
  }).pipe(Effect.provide(layer)))

it.effect("a damaged source is not taken from another run", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const cached = () => Pipeline.make("p", { steps: [Step.make("load", { version: "1", cache: true, run: () => (ran.push("load"), big("l")) })] })
    yield* run(cached(), {}, { runId: "one" })
    yield* damages[0]![1](yield* digestOf("one", "load"))
    expect((yield* run(cached(), {}, { runId: "two" })).decisions.load.decision).toBe("executed")
  }).pipe(Effect.provide(layer)))

it.effect("an output that cannot be loaded even after it was saved anew is an error, not an endless round", () =>
  Effect.gen(function*() {
    const oneWay = Schema.Number.pipe(Schema.decodeTo(Schema.Number, { decode: SchemaGetter.checkEffect(() => Effect.succeed("never again")), encode: SchemaGetter.passthrough() }))
    let ran = 0
    const first = Step.make("first", { version: "1", output: oneWay, run: () => (ran++, 1) })
    const second = Step.make("second", { version: "1", inputs: { first }, run: () => 2 })
    const error = yield* failure(Pipeline.make("p", { steps: [second] }), {}, { runId: "r" })
    expect(error).toMatchObject({ _tag: "CorruptArtifact" })
    expect(error.message).toContain("Output of step \"first\"")
    expect(error.message).toContain("it no longer fits its schema")
    expect(ran).toBeLessThanOrEqual(2)
    expect((yield* snapshot("r")).run.status).toBe("failed")
  }).pipe(Effect.provide(layer)))

