/** Whatever is asked, the answer is a proper one: requests that nobody has thought of. */
import { JsonCodec, MemoryArtifactStore, MemoryRunStore, Runner, Uniflow } from "@uniflow/core"
import { expectSafe, recordHostileRuns } from "@uniflow/testkit"
import { Layer } from "effect"
import * as fc from "fast-check"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Dashboard } from "../src/index.ts"

const uniflow = Uniflow.make(Runner.layer.pipe(Layer.provideMerge(Layer.mergeAll(MemoryRunStore.layer, MemoryArtifactStore.layer, JsonCodec.layer))))
const told: Array<string | undefined> = []
const page = Dashboard.make({ uniflow, authorize: (_, { runId }) => (told.push(runId), {}) })
const keys = Reflect.ownKeys(Object.prototype).join()

beforeAll(() => recordHostileRuns(uniflow))
afterAll(async () => {
  await page.dispose()
  await uniflow.close()
})

const ask = async (method: string, path: string, body?: BodyInit): Promise<void> => {
  const response = await page.handler(new Request(`http://localhost/${path}`, { method, ...body === undefined ? {} : { headers: { "content-type": "application/json" }, body } }))
  if (response.headers.get("content-type")?.includes("event-stream") === true) return void await response.body?.cancel()
  const bytes = new Uint8Array(await response.arrayBuffer())
  const text = new TextDecoder().decode(bytes)
  expectSafe({ status: response.status, headers: response.headers, body: bytes, text, tookMs: 0 }, { secrets: [process.cwd()], canaries: [] })
  expect(response.headers.get("x-content-type-options")).toBe("nosniff")
  if (response.status >= 400 && method !== "HEAD") expect(Object.keys((JSON.parse(text) as { readonly error: object }).error)).toEqual(["code", "message", "requestId"])
  // A run is shown to nobody who was not asked about by its id.
  const shown = response.status === 200 && response.headers.get("content-type")?.includes("json") === true && method !== "HEAD" ? (JSON.parse(text) as { readonly id?: unknown }).id : undefined
  if (typeof shown === "string") expect(told.at(-1)).toBe(shown)
  expect(Reflect.ownKeys(Object.prototype).join()).toBe(keys)
}

const fragment = fc.oneof(
  fc.constantFrom("api", "runs", "run-1", "failed", "artifacts", "curves", "compare", "groups", "items", "experiments", "fields", "events", "logs", "metric", "explain", "openapi.json", "assets", "..", ".", "", "%2e%2e", "%2f", "%5c", "%00", "%ff", ";", "API", "__proto__", "cancel", "pin"),
  fc.string({ unit: "binary", maxLength: 12 }).map((text) => encodeURIComponent(text.toWellFormed()))
)
const path = fc.oneof(fc.array(fragment, { maxLength: 6 }).map((parts) => parts.join("/")), fc.tuple(fc.constantFrom("api/runs/", "api/runs/run-1/", "api/", "api/artifacts/"), fragment).map((parts) => parts.join("")))
const word = fc.constantFrom(
  "params.", "metrics.", "tags.", "run.", "rate", "accuracy", "status", "id", "\"x\"", "'", "\"", " and ", " or ", " not ", "(", ")", "=", "!=", "<", ">=", " in ", " like ", " is ", "null", "nan", "now", "-", "1", "1e308", "0x10", ",", " desc", "%", "\\", "\0", "\u{1f600}", "{", "}", "[", "]", "__proto__"
)
const question = fc.oneof(fc.array(word, { maxLength: 12 }).map((words) => words.join("")), fc.string({ unit: "binary", maxLength: 40 }).map((text) => text.toWellFormed()), fc.double().map(String), fc.constantFrom("run-1", "run-1,run-2", "run-2,failed", "index", "time", "loss", "a".repeat(5_000)))
const name = fc.constantFrom("where", "orderBy", "select", "after", "limit", "experiment", "search", "runs", "name", "by", "buckets", "from", "to", "groupBy", "pairBy", "baseline", "step", "show", "__proto__", "constructor")
const query = fc.array(fc.tuple(name, question), { maxLength: 5 }).map((pairs) => new URLSearchParams(pairs).toString())
const route = fc.constantFrom(
  "api/runs", "api/experiments", "api/experiments/fields", "api/runs/run-1", "api/runs/run-1/logs", "api/runs/run-1/metric", "api/runs/run-1/explain", "api/curves", "api/compare", "api/compare/items", "api/compare/groups", "api/artifacts/run-1"
)
const value = fc.oneof(fc.json({ maxDepth: 4 }), fc.string({ unit: "binary", maxLength: 50 }).map((text) => JSON.stringify({ note: text })), fc.dictionary(fc.string({ unit: "binary", maxLength: 20 }), fc.oneof(fc.string(), fc.constant(null), fc.integer())).map((tags) => JSON.stringify({ tags })))

const runs = Number(process.env["UNIFLOW_FUZZ"] ?? 400)

it("any path, by any method", { timeout: 120_000 }, () =>
  fc.assert(fc.asyncProperty(fc.constantFrom("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT"), path, (method, at) => ask(method, at, ["GET", "HEAD"].includes(method) ? undefined : "{}")), { numRuns: runs }))

it("any question of any route", { timeout: 120_000 }, () => fc.assert(fc.asyncProperty(route, query, (at, asked) => ask("GET", `${at}?${asked}`)), { numRuns: runs }))

it("any body, as text and as bytes", { timeout: 120_000 }, () =>
  fc.assert(fc.asyncProperty(fc.constantFrom("api/runs/run-2", "api/runs/run-2/cancel", "api/runs/run-2/pin"), fc.oneof(value, fc.uint8Array({ maxLength: 64 })), (at, body) => ask(at === "api/runs/run-2" ? "PATCH" : "POST", at, body as BodyInit)), { numRuns: runs }))
