import { expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import { Environment, type Fields, Pipeline, Runner, RunStore, snapshot, Step, Uniflow } from "../src/index.ts"
import { failure, layer, run, stores } from "./memory.ts"

/** What a step sees of its params. */
const seeing = (params: Fields) =>
  Pipeline.make("p", { steps: [Step.make("step", { version: "1", params, run: ({ params }) => ({ ...params }) as unknown })] })

it.effect("optional params may be left out, and defaults are filled in and recorded", () =>
  Effect.gen(function*() {
    const pipeline = seeing({ lr: Schema.Number, epochs: Step.withDefault(Schema.Number, 10), note: Schema.optionalKey(Schema.String) })
    const first = yield* run(pipeline, { lr: 1 }, { runId: "r" })
    expect(first.outputs.step).toEqual({ lr: 1, epochs: 10 })
    expect(first.params).toEqual({ lr: 1, epochs: 10 })
    expect((yield* run(pipeline, { lr: 1, epochs: 10 }, { runId: "r" })).decisions.step.decision).toBe("restored")
    expect((yield* run(pipeline, { lr: 1, epochs: undefined }, { runId: "r" })).decisions.step.decision).toBe("restored")
    expect((yield* failure(pipeline, { lr: 1, epochs: 11 }, { runId: "r" })).message).toContain("epochs was 10, is 11")
  }).pipe(Effect.provide(layer)))

it.effect("an optional param given later, or taken back, is another one", () =>
  Effect.gen(function*() {
    const pipeline = seeing({ note: Schema.optionalKey(Schema.String) })
    yield* run(pipeline, {}, { runId: "without" })
    expect((yield* failure(pipeline, { note: "x" }, { runId: "without" })).message).toContain("note was missing, is \"x\"")
    yield* run(pipeline, { note: "x" }, { runId: "with" })
    expect((yield* failure(pipeline, {}, { runId: "with" })).message).toContain("note was \"x\", is missing")
  }).pipe(Effect.provide(layer)))

it.effect("a param that is new in the code and has a default is not another one; it changes the fingerprints of its steps", () =>
  Effect.gen(function*() {
    const before = seeing({ lr: Schema.Number })
    const after = seeing({ lr: Schema.Number, momentum: Step.withDefault(Schema.Number, 0.9) })
    const required = seeing({ lr: Schema.Number, momentum: Schema.Number })
    yield* run(before, { lr: 1 }, { runId: "r" })
    const resumed = yield* run(after, { lr: 1 }, { runId: "r" })
    expect(resumed.decisions.step.reasons).toEqual([{ component: "param momentum", new: "0.9", note: "new" }])
    expect((yield* failure(after, { lr: 1, momentum: 0.5 }, { runId: "r" })).message).toContain("momentum was missing, is 0.5")
    expect((yield* failure(required, { lr: 1, momentum: 0.5 }, { runId: "r" })).message).toContain("momentum was missing, is 0.5")
  }).pipe(Effect.provide(layer)))

it.effect("only the params that a step declares count for it, and reach it", () =>
  Effect.gen(function*() {
    const make = (version: string) => {
      const a = Step.make("a", { version: "1", params: { x: Schema.Number }, run: ({ params }) => Object.keys(params) })
      const b = Step.make("b", { version, params: { y: Schema.Number }, run: ({ params }) => Object.keys(params) })
      return Pipeline.make("p", { steps: [a, b] })
    }
    const result = yield* run(make("1"), { x: 1, y: 2 }, { runId: "r" })
    expect(result.outputs).toEqual({ a: ["x"], b: ["y"] })
    const records = (yield* snapshot("r")).steps.map(({ outcome }) => outcome.components?.params)
    expect(records).toEqual(expect.arrayContaining([{ x: 1 }, { y: 2 }]))
  }).pipe(Effect.provide(layer)))

it.effect("everything that is wrong with the params is told at once, by name, and nothing is begun", () =>
  Effect.gen(function*() {
    const error = yield* failure(seeing({ lr: Schema.Number, epochs: Schema.Number, path: Schema.String }), { lr: "fast", epoch: 3, path: "a" }, { runId: "r" })
    expect(error._tag).toBe("InvalidInput")
    expect(error.message).toContain("there is no param \"epoch\" (there are: lr, epochs, path)")
    expect(error.message).toContain("param \"epochs\" is missing")
    expect(error.message).toContain("param \"lr\": Expected number")
    expect(yield* RunStore.pipe(Effect.flatMap((store) => store.run("r")))).toBeUndefined()
  }).pipe(Effect.provide(layer)))

/** A schema as zod or valibot would give it: takes text, gives a number. */
const numeric: StandardSchemaV1<string, number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: async (value) =>
      typeof value === "string" && Number.isFinite(Number(value)) ? { value: Number(value) } : { issues: [{ message: "not a number", path: ["inner", { key: 0 }] }] }
  }
}

it.effect("any Standard Schema decodes a param, waiting for it where it has to", () =>
  Effect.gen(function*() {
    const pipeline = seeing({ lr: numeric })
    expect((yield* run(pipeline, { lr: "0.5" }, { runId: "r" })).outputs.step).toEqual({ lr: 0.5 })
    expect((yield* failure(pipeline, { lr: "fast" }, { runId: "s" })).message).toContain("param \"lr\": not a number at [\"inner\"][\"0\"]")
    expect((yield* failure(pipeline, {}, { runId: "s" })).message).toContain("param \"lr\" is missing")
  }).pipe(Effect.provide(layer)))

it.effect("params that are class instances, dates and bigints are recorded as JSON and come back from it", () =>
  Effect.gen(function*() {
    const pipeline = seeing({ at: Schema.Date, big: Schema.BigInt, set: Schema.ReadonlySet(Schema.String) })
    const given = { at: new Date(0), big: 2n ** 70n, set: new Set(["a"]) }
    const step = Step.make("step", { version: "1", params: pipeline.params, run: ({ params }) => [params["at"] instanceof Date, typeof params["big"], params["set"] instanceof Set] })
    const typed = Pipeline.make("p", { steps: [step] })
    const first = yield* run(typed, given, { runId: "r" })
    expect(first.outputs.step).toEqual([true, "bigint", true])
    expect(JSON.parse(JSON.stringify(first.params))).toEqual(first.params)
    const runner = yield* Runner.Runner
    expect((yield* runner.resume(typed, "r")).decisions.step.decision).toBe("restored")
  }).pipe(Effect.provide(layer)))

const everything = Effect.gen(function*() {
  const seen = yield* snapshot("r")
  const store = yield* RunStore
  return JSON.stringify([seen, yield* store.logs("r")], (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))
})

it.effect("a Redacted param reaches its step, is never stored or shown, and counts by a keyed hash", () =>
  Effect.gen(function*() {
    const make = (broken: boolean) =>
      Pipeline.make("p", {
        steps: [Step.make("call", {
          version: "1",
          params: { key: Schema.RedactedFromValue(Schema.String), pin: Schema.optionalKey(Schema.Redacted(Schema.Number)) },
          run: ({ log, params, progress }) => {
            const key = Redacted.value(params.key)
            log(`calling with ${key}`)
            progress(1, 2, `using ${key}`)
            if (broken) throw new Error(`refused: Bearer ${key}`, { cause: `${key}!` })
            return key.length
          }
        })]
      })
    const error = yield* failure(make(true), { key: "sk-very-secret" }, { runId: "r" })
    expect(error._tag).toBe("StepFailed")
    expect((yield* snapshot("r")).steps[0]?.record.error?.message).toBe("refused: Bearer [redacted]")
    const done = yield* run(make(false), { key: "sk-very-secret" }, { runId: "r" })
    expect(done.outputs.call).toBe(14)
    expect(yield* everything).not.toContain("secret")
    expect(String(done.explain())).not.toContain("secret")
    const other = yield* failure(make(false), { key: "sk-other" }, { runId: "r" })
    expect(other.message).toContain("key was a secret, is a secret")
    expect(other.message).not.toContain("sk-")
    const runner = yield* Runner.Runner
    expect((yield* Effect.flip(runner.resume(make(false), "r"))).message).toContain("it is a secret, which is not recorded; give it again")
    expect((yield* runner.resume(make(false), "r", { secrets: { key: "sk-very-secret" } })).decisions.call.decision).toBe("restored")
    // Under another store's key the hash is another one.
    expect(JSON.stringify(done.params)).toMatch(/^\{"key":\{"\$redacted":"[0-9a-f]{64}"\}\}$/)
  }).pipe(Effect.provide(layer)))

it.effect("a secret inside another param is refused, because the rest of it would be recorded", () =>
  Effect.gen(function*() {
    const error = yield* failure(seeing({ login: Schema.Struct({ user: Schema.String, password: Schema.RedactedFromValue(Schema.String) }) }), { login: { user: "me", password: "hunter22" } }, { runId: "r" })
    expect(error.message).toContain("param \"login\" holds a secret inside")
    expect(error.message).not.toContain("hunter22")
  }).pipe(Effect.provide(layer)))

it.effect("secrets of the environment are redacted from errors and lines", () => {
  const secretive = Runner.layer.pipe(Layer.provide(Layer.succeed(Environment, {
    capture: Effect.succeed({ runtime: "test", platform: "test", host: "test", pid: 1, argv: [], packages: {} }),
    variable: (name) => ({ API_KEY: "k-123456", MODEL: "small" })[name],
    isSecret: (name) => name === "API_KEY",
    redact: (text) => text.replaceAll("k-123456", "[redacted]")
  })))
  const make = (broken: boolean) =>
    Pipeline.make("p", {
      steps: [Step.make("call", {
        version: "1",
        env: ["API_KEY", "MODEL", "ABSENT"],
        run: ({ log }) => {
          log("key k-123456")
          if (broken) throw Object.assign(new Error("bad k-123456"), { stack: "at k-123456" })
          return 1
        }
      })]
    })
  return Effect.gen(function*() {
    yield* failure(make(true), {}, { runId: "r" })
    yield* run(make(false), {}, { runId: "r" })
    const stored = yield* everything
    expect(stored).not.toContain("k-123456")
    expect((yield* snapshot("r")).steps[0]?.outcome.components?.env).toEqual({ API_KEY: expect.stringMatching(/^keyed:[0-9a-f]{16}$/), MODEL: "=small", ABSENT: "unset" })
  }).pipe(Effect.provide(secretive), Effect.provide(stores))
})

it.effect("hostile names are names like any other", () =>
  Effect.gen(function*() {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "then", "$redacted", ""]
    const make = () => {
      const params = Object.fromEntries(names.map((name) => [name, Schema.String]))
      return Pipeline.make("p", { steps: [Step.make("step", { version: "1", params, run: ({ params }) => Object.entries(params) })] })
    }
    const given = Object.fromEntries(names.map((name) => [name, `value of ${name}`]))
    const first = yield* run(make(), given, { runId: "r" })
    expect(first.outputs.step).toEqual(Object.entries(given))
    expect((yield* run(make(), given, { runId: "r" })).decisions.step.decision).toBe("restored")
    const changed = Object.fromEntries(names.map((name) => [name, name === "__proto__" ? "x" : `value of ${name}`]))
    expect((yield* failure(make(), changed, { runId: "r" })).message).toContain("__proto__ was \"value of __proto__\", is \"x\"")
    expect((yield* failure(seeing({}), JSON.parse("{\"__proto__\":1}"), { runId: "s" })).message).toContain("there is no param \"__proto__\"")
    expect(({} as { x?: unknown }).x).toBeUndefined()
  }).pipe(Effect.provide(layer)))

it.effect("a param that is too large to be a param is refused", () =>
  Effect.gen(function*() {
    expect((yield* failure(seeing({ text: Schema.String }), { text: "x".repeat(2_000_000) })).message).toContain("larger than 1048576 bytes")
  }).pipe(Effect.provide(layer)))

it("params are those of the moment of the call", async () => {
  const slow = Layer.effectDiscard(Effect.promise(() => Promise.resolve()))
  const uniflow = Uniflow.make(Layer.provideMerge(layer, slow))
  const pipeline = seeing({ lr: Schema.Number })
  const params = { lr: 1 }
  const running = uniflow.run(pipeline, { runId: "r", params })
  params.lr = 2
  expect((await running).outputs.step).toEqual({ lr: 1 })
  await uniflow.close()
})
