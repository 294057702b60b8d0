import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Spill } from "@uniflow/core"
import { Effect, Layer } from "effect"
import * as fc from "fast-check"
import { afterEach, beforeEach, expect, it } from "vitest"
import { NodeProcessIdentity, NodeSpill, UniflowDirectory } from "../src/index.ts"

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "uniflow-spill-")))
  mkdirSync(join(root, ".uniflow"))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const spill = () => Effect.runSync(Effect.provide(Spill, NodeSpill.layer.pipe(Layer.provide([UniflowDirectory.layer({ directory: join(root, ".uniflow") }), NodeProcessIdentity.layer]))))

it("everything comes back once, in order, whatever its size, however appending and draining alternate", () => {
  const piece = fc.oneof({ weight: 8, arbitrary: fc.uint8Array({ maxLength: 50 }) }, fc.integer({ min: 200_000, max: 700_000 }).map((size) => new Uint8Array(size).fill(size)))
  fc.assert(fc.property(fc.array(fc.oneof({ weight: 6, arbitrary: piece }, fc.constant("drain" as const)), { maxLength: 40 }), (actions) => {
    const buffer = spill().open()
    const [expected, got]: [Array<Uint8Array>, Array<Uint8Array>] = [[], []]
    for (const action of [...actions, "drain" as const]) {
      if (action === "drain") {
        got.push(...buffer.drain())
        expect(buffer.sizeBytes).toBe(0)
      } else {
        const before = buffer.sizeBytes
        buffer.append(action)
        expect(buffer.sizeBytes).toBe(before + action.length)
        expected.push(action)
      }
    }
    buffer.close()
    expect(got.map((bytes) => Buffer.from(bytes).toString("base64"))).toEqual(expected.map((bytes) => Buffer.from(bytes).toString("base64")))
  }), { numRuns: 60 })
})

it("what is appended while another part is drained comes with the next drain", () => {
  const buffer = spill().open()
  const bytes = (n: number) => new Uint8Array(100_000).fill(n)
  for (let n = 0; n < 10; n++) buffer.append(bytes(n))
  const seen: Array<number> = []
  for (const piece of buffer.drain()) {
    seen.push(piece[0]!)
    buffer.append(bytes(100 + piece[0]!))
  }
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(Array.from(buffer.drain(), (piece) => piece[0]! - 100)).toEqual(seen)
  expect([...buffer.drain()]).toEqual([])
})

it("the bytes are the buffer's own: the caller may reuse its array", () => {
  const buffer = spill().open()
  const reused = new Uint8Array([1])
  buffer.append(reused)
  reused[0] = 2
  expect([...buffer.drain()]).toEqual([new Uint8Array([1])])
})

it("memory stays bounded, and no file has a name while it is in use nor after", () => {
  const buffer = spill().open()
  expect(existsSync(join(root, ".uniflow", "tmp"))).toBe(false)
  const piece = new Uint8Array(64 * 1024).fill(7)
  const before = process.memoryUsage()
  for (let n = 0; n < 3000; n++) buffer.append(piece)
  const after = process.memoryUsage()
  expect(buffer.sizeBytes).toBe(3000 * piece.length)
  expect(after.arrayBuffers + after.external - before.arrayBuffers - before.external).toBeLessThan(16 * 1024 * 1024)
  expect(readdirSync(join(root, ".uniflow", "tmp"))).toEqual([])
  let count = 0
  for (const bytes of buffer.drain()) count += bytes.length
  expect(count).toBe(3000 * piece.length)
  buffer.append(piece)
  buffer.close()
  expect(buffer.sizeBytes).toBe(0)
  expect([...buffer.drain()]).toEqual([])
})

it("a folder that was never made gets none: the system's is used", () => {
  rmSync(join(root, ".uniflow"), { recursive: true })
  const buffer = spill().open()
  for (let n = 0; n < 10; n++) buffer.append(new Uint8Array(100_000))
  expect([...buffer.drain()]).toHaveLength(10)
  expect(existsSync(join(root, ".uniflow"))).toBe(false)
})
