import { expect, it } from "@effect/vitest"
import { Effect, Layer, Random, Schema, Stream } from "effect"
import * as fc from "fast-check"
import { CodeVersion, Environment, Fingerprint, type FingerprintComponents, Hasher, Pipeline, Runner, snapshot, SourceFiles, Step } from "../src/index.ts"
import { failure, layer, run, stores } from "./memory.ts"

const hasher = Effect.runSync(Effect.map(Hasher, (hasher) => hasher))

const texts = fc.dictionary(fc.string({ maxLength: 6 }), fc.string({ maxLength: 6 }), { maxKeys: 4 })
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as Schema.Json)
const components: fc.Arbitrary<FingerprintComponents> = fc.record({
  code: fc.string({ maxLength: 8 }),
  codeKind: fc.constantFrom("explicit" as const, "deep" as const, "shallow" as const),
  params: fc.dictionary(fc.string({ maxLength: 6 }), json, { maxKeys: 4 }),
  inputs: texts,
  files: texts,
  env: texts,
  codec: fc.string({ maxLength: 8 }),
  outputSchema: fc.string({ maxLength: 8 })
})

const shuffled = (value: unknown, seed: number): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map((item) => shuffled(item, seed))
  const keys = Object.keys(value)
  const turned = keys.map((_, i) => keys[(i * 7 + seed) % keys.length]!)
  const order = new Set(turned).size === keys.length ? turned : keys.toReversed()
  const copy = {}
  for (const key of order) Object.defineProperty(copy, key, { value: shuffled(Reflect.get(value, key), seed), enumerable: true, configurable: true, writable: true })
  return copy
}

it("a fingerprint is the same whatever the order of keys, and the difference of equal components is empty", () => {
  fc.assert(fc.property(components, fc.nat(5), (one, seed) => {
    const other = shuffled(one, seed) as FingerprintComponents
    expect(Fingerprint.hash(hasher, "step", other)).toBe(Fingerprint.hash(hasher, "step", one))
    expect(Fingerprint.diff(one, other)).toEqual([])
  }))
})

it("a fingerprint changes when any one component does, and exactly that one is the reason", () => {
  const change = fc.constantFrom("code", "codec", "outputSchema", "params", "inputs", "files", "env") as fc.Arbitrary<"code" | "codec" | "outputSchema" | "params" | "inputs" | "files" | "env">
  const prefix = { code: "code", codec: "codec", outputSchema: "output schema", params: "param ", inputs: "input ", files: "file ", env: "env " }
  fc.assert(fc.property(components, change, fc.string({ maxLength: 6 }), fc.string({ maxLength: 6 }), (one, part, name, text) => {
    const before = one[part]
    const other: FingerprintComponents = typeof before === "string"
      ? { ...one, [part]: `${before}${text}.` }
      : { ...one, [part]: { ...before, [name]: typeof before[name] === "string" ? `${before[name]}.` : "new" } }
    expect(Fingerprint.hash(hasher, "step", other)).not.toBe(Fingerprint.hash(hasher, "step", one))
    const reasons = Fingerprint.diff(one, other)
    expect(reasons.length).toBe(1)
    expect(reasons[0]!.component.startsWith(prefix[part])).toBe(true)
  }))
})

it("a step's name counts, and no two components can be mistaken for each other", () => {
  fc.assert(fc.property(components, components, fc.string(), fc.string(), (one, other, name, otherName) => {
    const equal = name === otherName && Fingerprint.diff(one, other).length === 0
    expect(Fingerprint.hash(hasher, name, one) === Fingerprint.hash(hasher, otherName, other)).toBe(equal)
  }))
})

it("ignored params do not count for manual checkpoints, all others do", () => {
  fc.assert(fc.property(components, fc.string({ minLength: 1, maxLength: 4 }).filter((name) => name !== "__proto__"), json, (one, name, value) => {
    const other = { ...one, params: { ...one.params, [name]: value } }
    expect(Fingerprint.checkpointHash(hasher, "step", other, [name])).toBe(Fingerprint.checkpointHash(hasher, "step", one, [name]))
    expect(Fingerprint.checkpointHash(hasher, "step", { ...other, code: `${one.code}.` }, [name])).not.toBe(Fingerprint.checkpointHash(hasher, "step", one, [name]))
  }))
})

/** A step with everything that counts, over surroundings that can be changed. */
const surroundings = () => {
  const files = new Map<string, string>([["data.csv", "d1"]])
  const env = new Map<string, string>([["MODEL", "small"], ["API_KEY", "sk-1"]])
  const world = { files, env, deep: "c1", git: "abc" }
  const services = Layer.mergeAll(
    Layer.succeed(SourceFiles, { digest: (path) => Effect.sync(() => files.get(path)), stream: () => Stream.empty }),
    Layer.succeed(CodeVersion, { of: () => Effect.sync(() => ({ kind: "deep" as const, hash: world.deep })) }),
    Layer.succeed(Environment, {
      capture: Effect.sync(() => ({ git: { commit: world.git, dirty: false }, runtime: "test", platform: "test", host: world.git, pid: 1, argv: [world.git], packages: { x: world.git } })),
      variable: (name) => env.get(name),
      isSecret: (name) => name.endsWith("KEY"),
      redact: (text) => text
    })
  )
  return { world, layer: Runner.layer.pipe(Layer.provide(services)) }
}
const everything = (ran: Array<string>, output: Schema.Codec<unknown, unknown, never, never> = Schema.Number) =>
  Pipeline.make("p", {
    steps: [Step.make("step", {
      params: { path: Schema.String },
      files: ({ params }) => [params.path],
      env: ["MODEL", "API_KEY"],
      output,
      run: () => ran.push("step")
    })]
  })

it.effect("each part that counts makes the step run again, with itself as the reason; what does not count does not", () => {
  const { layer, world } = surroundings()
  const ran: Array<string> = []
  const again = (pipeline = everything(ran)) => Effect.map(run(pipeline, { path: "data.csv" }, { runId: "r" }), ({ decisions }) => decisions.step)
  return Effect.gen(function*() {
    yield* again()
    world.git = "def"
    expect((yield* again()).decision).toBe("restored")
    world.files.set("data.csv", "d2")
    expect((yield* again()).reasons).toEqual([{ component: "file data.csv", old: "d1", new: "d2" }])
    world.files.delete("data.csv")
    expect((yield* again()).reasons).toEqual([{ component: "file data.csv", old: "d2", new: "missing" }])
    world.env.set("MODEL", "large")
    expect((yield* again()).reasons).toEqual([{ component: "env MODEL", old: "=small", new: "=large" }])
    world.env.set("API_KEY", "sk-2")
    const secret = yield* again()
    expect(secret.reasons[0]).toMatchObject({ component: "env API_KEY", old: expect.stringMatching(/^keyed:/), new: expect.stringMatching(/^keyed:/) })
    expect(JSON.stringify(yield* snapshot("r"))).not.toContain("sk-")
    world.env.delete("MODEL")
    expect((yield* again()).reasons).toEqual([{ component: "env MODEL", old: "=large", new: "unset" }])
    world.deep = "c2"
    expect((yield* again()).reasons).toEqual([{ component: "code", old: "c1", new: "c2" }])
    expect((yield* again(everything(ran, Schema.Finite))).reasons[0]).toMatchObject({ component: "output schema" })
    expect(ran.length).toBe(8)
  }).pipe(Effect.provide(layer), Effect.provide(stores))
})

it.effect("where there is no file system a step with files says so", () =>
  Effect.gen(function*() {
    const step = Step.make("step", { version: "1", files: () => ["data.csv"], run: () => 1 })
    expect(yield* failure(Pipeline.make("p", { steps: [step] }), {})).toMatchObject({ _tag: "StoreError", reason: "NotSupported" })
  }).pipe(Effect.provide(layer)))

it.effect("an explicit version wins over what can be read", () => {
  const { layer, world } = surroundings()
  let ran = 0
  const make = () => Pipeline.make("p", { steps: [Step.make("step", { version: "1", run: () => ++ran })] })
  return Effect.gen(function*() {
    yield* run(make(), {}, { runId: "r" })
    world.deep = "c2"
    expect((yield* run(make(), {}, { runId: "r" })).decisions.step.decision).toBe("restored")
  }).pipe(Effect.provide(layer), Effect.provide(stores))
})

it.effect("a changed step that yields the same bytes leaves what stands after it restored", () =>
  Effect.gen(function*() {
    const ran: Array<string> = []
    const make = (version: string, value: unknown) => {
      const first = Step.make("first", { version, run: () => (ran.push("first"), value) })
      const second = Step.make("second", { version: "1", inputs: { first }, run: () => ran.push("second") })
      const third = Step.make("third", { version: "1", inputs: { second, first }, run: () => ran.push("third") })
      return Pipeline.make("p", { steps: [third] })
    }
    yield* run(make("1", { a: 1, b: 2 }), {}, { runId: "r" })
    yield* run(make("2", { b: 2, a: 1 }), {}, { runId: "r" })
    expect(ran).toEqual(["first", "second", "third", "first"])
    yield* run(make("3", { a: 1, b: 3 }), {}, { runId: "r" })
    expect(ran.length).toBe(7)
  }).pipe(Effect.provide(layer)))

it.effect("random streams derive from seed and address: the same again, others elsewhere", () =>
  Effect.gen(function*() {
    const make = () => {
      const draw = (name: string) => Step.make(name, { version: "1", run: ({ random }) => [random.next(), random.int(1, 6), random.normal(), random.shuffle([1, 2, 3, 4])] })
      return Pipeline.make("p", { steps: [draw("a"), draw("b")] })
    }
    const [one, two, three] = [yield* run(make(), {}, { seed: 1 }), yield* run(make(), {}, { seed: 1 }), yield* run(make(), {}, { seed: 2 })]
    expect(two.outputs).toEqual({ ...one.outputs })
    expect(one.outputs.a).not.toEqual(one.outputs.b)
    expect(three.outputs.a).not.toEqual(one.outputs.a)
  }).pipe(Effect.provide(layer)))

it.effect("the seed counts for steps that drew, and for no others; Effect's Random draws from the same stream", () =>
  Effect.gen(function*() {
    const plain = Step.make("plain", { version: "1", cache: true, run: () => 1 })
    const drawing = Step.make("drawing", { version: "1", cache: true, run: ({ random }) => random.next() })
    const effectful = Step.make("effectful", { version: "1", cache: true, run: () => Random.next })
    const looking = Step.make("looking", { version: "1", cache: true, run: (context) => typeof context.random })
    const pipeline = Pipeline.make("p", { steps: [plain, drawing, effectful, looking] })
    const first = yield* run(pipeline, {}, { runId: "one", seed: 1 })
    const seeds = Object.fromEntries((yield* snapshot("one")).steps.map(({ address, outcome }) => [address, outcome.seed]))
    expect(seeds).toEqual({ plain: null, drawing: 1, effectful: 1, looking: null })
    const second = yield* run(pipeline, {}, { runId: "two", seed: 2 })
    expect(Object.values(second.decisions).map(({ decision }) => decision)).toEqual(["cached", "executed", "executed", "cached"])
    const again = yield* run(Pipeline.make("p", { steps: [Step.make("effectful", { version: "1", run: () => Random.next })] }), {}, { seed: 1 })
    expect(again.outputs.effectful).toBe(first.outputs.effectful)
  }).pipe(Effect.provide(layer)))

it.effect("as many steps run at the same time as are allowed, and independent ones do", () =>
  Effect.gen(function*() {
    for (const concurrency of [1, 3, undefined]) {
      let running = 0
      let most = 0
      const steps = Array.from({ length: 20 }, (_, i) =>
        Step.make(`s${i}`, {
          version: "1",
          run: async () => {
            most = Math.max(most, ++running)
            for (let turn = 0; turn < 20; turn++) await Promise.resolve()
            running--
          }
        }))
      yield* run(Pipeline.make("p", { steps }), {}, { concurrency })
      expect(most).toBe(concurrency ?? 8)
    }
    expect((yield* failure(Pipeline.make("p", { steps: [Step.make("s", { version: "1", run: () => 1 })] }), {}, { concurrency: 0 })).message).toContain("concurrency")
  }).pipe(Effect.provide(layer)))
