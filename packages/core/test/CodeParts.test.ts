import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { type Code, changedParts, type CodePart, codeParts, CodeVersion, GarbageCollector, Pipeline, Runner, RunStore, snapshot, Step } from "../src/index.ts"
import { decisions, layer, run } from "./memory.ts"

const part = (name: string, hash: string, file = "src/a.ts"): CodePart => ({ file, name, hash, text: `const ${name} = ${JSON.stringify(hash)}` })

/** Steps `a` and `b` whose code is what is given. */
const given = (codes: { readonly [step: string]: Code }) =>
  layer.pipe(Layer.provideMerge(Layer.succeed(CodeVersion, { of: ({ step }) => Effect.succeed(codes[step]!) })))
const a = Step.make("a", { run: () => 1 })
const b = Step.make("b", { inputs: { a }, run: ({ inputs }) => inputs.a + 1 })
const pipeline = Pipeline.make("p", { steps: [b] })

it.effect("a change of a deep code names the functions that changed, and both codes can be read afterwards", () =>
  Effect.gen(function*() {
    const codes: Record<string, Code> = {
      a: { kind: "deep", hash: "a1", parts: [part("run of a", "1"), part("helper", "1")] },
      b: { kind: "deep", hash: "b1", parts: [part("run of b", "1"), part("helper", "1")] }
    }
    yield* Effect.gen(function*() {
      yield* run(pipeline, {}, { runId: "r" })
      codes["a"] = { kind: "deep", hash: "a2", parts: [part("run of a", "1"), part("helper", "2"), part("added", "1", "src/b.ts")] }
      const changed = yield* run(pipeline, {}, { runId: "r" })
      expect(decisions(changed)).toEqual(["a executed", "b restored"])
      expect(changed.decisions.a.reasons).toEqual([{ component: "code", old: "a1", new: "a2", note: "helper (src/a.ts) changed, added (src/b.ts) is new" }])
      expect((yield* codeParts("r", "a1"))?.map(({ name }) => name)).toEqual(["run of a", "helper"])
      expect(yield* codeParts("r", "a2")).toEqual((codes["a"] as { parts: unknown }).parts)
      expect(yield* codeParts("r", "other")).toBeUndefined()
      // They are no artifacts of a step, and collecting garbage leaves them alone.
      expect((yield* snapshot("r")).artifacts).toEqual([])
      yield* GarbageCollector.collect({ grace: 0 })
      expect(yield* codeParts("r", "a1")).toHaveLength(2)
      // Runs of the same code share what is kept, and a run made from another finds that one's.
      yield* Effect.flatMap(Runner.Runner, (runner) => runner.fork(pipeline, "r", { runId: "s" }))
      const store = yield* RunStore
      const digests = new Set([...(yield* store.artifacts("r")), ...(yield* store.artifacts("s"))].map(({ digest }) => digest))
      expect(digests.size).toBe(2)
      expect(yield* codeParts("s", "a1")).toHaveLength(2)
    }).pipe(Effect.provide(given(codes)))
  }))

it.effect("a code that is shallow tells why it is not seen whole", () =>
  Effect.gen(function*() {
    const codes: Record<string, Code> = { a: { kind: "shallow", text: "1", project: "1", why: "it imports a computed name" }, b: { kind: "explicit", version: "1" } }
    yield* Effect.gen(function*() {
      yield* run(pipeline, {}, { runId: "r" })
      codes["a"] = { kind: "shallow", text: "1", project: "2", why: "it imports a computed name" }
      const changed = yield* run(pipeline, {}, { runId: "r" })
      expect(changed.decisions.a.reasons[0]?.note).toMatch(/\(shallow code version\); not seen whole, because it imports a computed name$/)
    }).pipe(Effect.provide(given(codes)))
  }))

it.effect("texts that are too long are left out, parts never", () =>
  Effect.gen(function*() {
    const parts = Array.from({ length: 100 }, (_, i): CodePart => ({ file: "a.ts", name: `f${i}`, hash: "1", text: "x".repeat(i === 0 ? 20_000 : 15_000) }))
    yield* Effect.gen(function*() {
      yield* run(pipeline, {}, { runId: "r" })
      const kept = (yield* codeParts("r", "1"))!
      expect(kept.map(({ name }) => name)).toEqual(parts.map(({ name }) => name))
      expect(kept[0]!.text).toBeNull()
      expect(kept.filter(({ text }) => text !== null).length).toBe(Math.floor(1024 * 1024 / 15_000))
    }).pipe(Effect.provide(given({ a: { kind: "deep", hash: "1", parts }, b: { kind: "explicit", version: "1" } })))
  }))

it("a part that only moved to another file is no change", () => {
  expect(changedParts([part("a", "1"), part("b", "1")], [part("a", "1", "other.ts"), part("b", "2", "other.ts")]).map(({ file, name }) => [file, name]))
    .toEqual([["other.ts", "b"], ["src/a.ts", "b"]])
})
