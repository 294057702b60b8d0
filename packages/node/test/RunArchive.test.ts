import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { it } from "@effect/vitest"
import { INLINE_BYTES, type RunBundle } from "@uniflow/core"
import { Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect } from "vitest"
import { CopyRuns, RunArchive } from "../src/index.ts"
import { BLOCK, headerOf, paddingOf, readHeader } from "../src/internal/tarEntry.ts"
import { linesOf } from "../src/internal/bundleLines.ts"
import { bundle, digestOf, fill, folder, store } from "./copying.ts"

type Entry = readonly [name: string, content: Uint8Array | string, change?: (header: Uint8Array) => void]

const bytesOf = (content: Uint8Array | string): Uint8Array => typeof content === "string" ? Buffer.from(content) : content

const sum = (content: Uint8Array | string): string => createHash("sha256").update(content).digest("hex")

/** Makes the checksum of a changed header right again. */
const sealed = (header: Uint8Array): void => {
  const total = header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0)
  header.set(Buffer.from(`${total.toString(8).padStart(6, "0")}\0 `), 148)
}

const tar = (entries: ReadonlyArray<Entry>): Buffer =>
  Buffer.concat([
    ...entries.flatMap(([name, content, change]) => {
      const bytes = bytesOf(content)
      const header = headerOf({ name, sizeBytes: bytes.length })
      if (change !== undefined) {
        change(header)
        sealed(header)
      }
      return [header, bytes, new Uint8Array(paddingOf(bytes.length))]
    }),
    new Uint8Array(2 * BLOCK)
  ])

const withSums = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> =>
  [...entries, ["SHA256SUMS", entries.map(([name, content]) => `${sum(content)}  ${name}\n`).join("")]]

const manifest: Entry = ["uniflow.json", "{\"kind\":\"uniflow-archive\",\"version\":1,\"createdAtMs\":0}\n"]
const object = new Uint8Array(INLINE_BYTES + 1).fill(9)
const objectEntry: Entry = [`objects/${digestOf(object)}`, object]

const [made] = fc.sample(bundle("run-1"), { numRuns: 1, seed: 3 })
const whole: RunBundle = {
  ...made!.bundle,
  run: { ...made!.bundle.run, parent: null, params: { rate: 1 } },
  steps: [], active: [], checkpoints: [], logs: [],
  artifacts: [{ runId: "run-1", address: "a", generation: 1, attempt: 1, name: "n", digest: digestOf(object), sizeBytes: object.length, mediaType: "m", codec: null, createdAtMs: 0 }]
}
const text = (of: RunBundle = whole): string => [...linesOf(of)].join("")
const runEntry: Entry = ["runs/00000001.jsonl", text()]
const good = (run: Entry = runEntry): Buffer => tar(withSums([manifest, objectEntry, run]))
const withRun = (of: string): Buffer => good(["runs/00000001.jsonl", of])

/** A line of the run with something replaced. */
const replaced = (from: string, to: string): Buffer => {
  expect(text()).toContain(from)
  return withRun(text().replaceAll(from, to))
}

const flipped = (at: number): Buffer => {
  const bytes = good()
  bytes[at]! ^= 1
  return bytes
}

const deep = `{"run":${"[".repeat(100_000)}${"]".repeat(100_000)}}\n`

const hostile: ReadonlyArray<readonly [what: string, bytes: () => Buffer, says: string]> = [
  ["an empty file", () => Buffer.alloc(0), "ends too early"],
  ["nothing but zeros", () => Buffer.alloc(10_240), "no SHA256SUMS"],
  ["a zip", () => Buffer.from(`PK\u0003\u0004${"x".repeat(1000)}`), "no tar file"],
  ["an archive that is cut off in the middle", () => good().subarray(0, 20_000), "ends too early"],
  ["an archive that is cut off before its sums", () => Buffer.concat([tar([manifest, objectEntry, runEntry])]), "no SHA256SUMS"],
  ["an archive that is cut off before its end", () => good().subarray(0, -BLOCK), "does not end as it should"],
  ["something behind the end", () => Buffer.concat([good(), Buffer.from("x".repeat(BLOCK))]), "does not end as it should"],
  ["a whole entry behind the sums", () => tar([...withSums([manifest, runEntry]), objectEntry]), "stands behind"],
  ["another tar", () => tar([["README", "hello"]]), "no archive of runs"],
  ["a path that climbs", () => tar(withSums([manifest, ["../../x", "x"]])), "does not belong there"],
  ["a path that climbs inside objects", () => tar(withSums([manifest, [`objects/../${"a".repeat(50)}`, "x"]])), "does not belong there"],
  ["an absolute path", () => tar(withSums([manifest, ["/etc/passwd", "x"]])), "does not belong there"],
  ["a Windows path", () => tar(withSums([manifest, ["C:\\x", "x"]])), "does not belong there"],
  ["a name with control characters", () => tar(withSums([manifest, ["a\u001b[31m", "x"]])), "names do not hold"],
  ["a name with a hidden rest", () => tar(withSums([manifest, ["runs/1\0/../x", "x"]])), "names do not hold"],
  ["a symbolic link", () => tar(withSums([manifest, ["runs/00000001.jsonl", "", (header) => { header[156] = 0x32; header.set(Buffer.from("/etc/passwd"), 157) }]])), "no plain file"],
  ["a hard link", () => tar(withSums([manifest, ["runs/00000001.jsonl", "", (header) => { header[156] = 0x31 }]])), "no plain file"],
  ["a device", () => tar(withSums([manifest, ["runs/00000001.jsonl", "", (header) => { header[156] = 0x33 }]])), "no plain file"],
  ["a pax extension", () => tar(withSums([manifest, ["runs/00000001.jsonl", "", (header) => { header[156] = 0x78 }]])), "no plain file"],
  ["a prefix that makes another path", () => tar(withSums([manifest, ["runs/00000001.jsonl", text(), (header) => { header.set(Buffer.from("../.."), 345) }]])), "long name"],
  ["a size beyond the file", () => tar([manifest, ["runs/00000001.jsonl", "", (header) => { header.set(Buffer.from("77777777777"), 124) }]]), "ends too early"],
  ["a size beyond all numbers", () => tar([manifest, ["runs/00000001.jsonl", "", (header) => { header[124] = 0x80; header.fill(0xff, 125, 136) }]]), "no number"],
  ["a negative size", () => tar([manifest, ["runs/00000001.jsonl", "", (header) => { header.fill(0xff, 124, 136) }]]), "no number"],
  ["a header with a wrong checksum", () => flipped(3), "checksum"],
  ["an entry that is there twice", () => tar(withSums([manifest, objectEntry, objectEntry, runEntry])), "there twice"],
  ["a run that is there twice", () => tar(withSums([manifest, objectEntry, runEntry, ["runs/00000002.jsonl", text()]])), "in it twice"],
  ["bytes under another's name", () => tar(withSums([manifest, [objectEntry[0], new Uint8Array(object.length)], runEntry])), "not those of its name"],
  ["an object that is missing", () => tar(withSums([manifest, runEntry])), "is missing"],
  ["an object of another length", () => replaced(`"sizeBytes":${object.length}`, "\"sizeBytes\":5"), "not as long"],
  ["sums that do not tell of an entry", () => tar([...withSums([manifest, runEntry]).slice(0, 2), objectEntry, withSums([manifest, runEntry])[2]!]), "not those that its SHA256SUMS"],
  ["sums of another content", () => tar([manifest, objectEntry, runEntry, ["SHA256SUMS", withSums([manifest, objectEntry, ["runs/00000001.jsonl", "x"]])[3]![1]]]), "not those that its SHA256SUMS"],
  ["a manifest of a newer version", () => tar(withSums([["uniflow.json", "{\"kind\":\"uniflow-archive\",\"version\":2}"]])), "version 2"],
  ["a manifest of nothing", () => tar(withSums([["uniflow.json", "null"]])), "no archive of runs"],
  ["a manifest that is no JSON", () => tar(withSums([["uniflow.json", "{"]])), "no JSON"],
  ["a manifest that is huge", () => tar(withSums([["uniflow.json", `"${"x".repeat(100_000)}"`]])), "too long"],
  ["a list of missing objects that holds something else", () => tar(withSums([manifest, ["MISSING", "../x\n"]])), "something else"],
  ["a run without a line", () => withRun(""), "tells of no run"],
  ["a line that is no JSON", () => withRun("{\n"), "cannot be read"],
  ["a line that does not end", () => withRun(text().slice(0, -1)), "does not end"],
  ["a line of another kind", () => withRun(`${text()}{"surprise":1}\n`), "no record that this release knows"],
  ["a kind that every object has", () => withRun(`${text()}{"constructor":1}\n`), "no record that this release knows"],
  ["lines out of order", () => withRun(text().split("\n").slice(1, -1).concat(text().split("\n")[0]!, "").join("\n")), "out of order"],
  ["two runs in one", () => withRun(text() + text()), "out of order"],
  ["a value that nests deep", () => withRun(deep), "nests too deep"],
  ["text that is not UTF-8", () => good(["runs/00000001.jsonl", Buffer.concat([Buffer.from([0xc3, 0x28]), Buffer.from("\n")])]), "not UTF-8"],
  ["an id that climbs", () => replaced("\"run-1\"", "\"../../x\""), "the id of a run"],
  ["an id with control characters", () => replaced("\"run-1\"", "\"a\\u001b[31m\""), "the id of a run"],
  ["an id that is too long", () => replaced("\"run-1\"", `"${"x".repeat(129)}"`), "the id of a run"],
  ["a record of another run", () => withRun(text().replace(/("artifact":.*)"run-1"/, "$1\"run-2\"")), "another run"],
  ["a run that claims to be running", () => withRun(text().replace(/"status":"\w+"/, "\"status\":\"running\"")), "cannot be read"],
  ["a number that is too large", () => replaced("\"params\":{\"rate\":1}", "\"params\":{\"rate\":1e999}"), "cannot be read"],
  ["a step beyond what a store can number", () => {
    const step = made!.bundle.steps[0]!
    expect(step).toBeDefined()
    return withRun(text({ ...whole, steps: [{ ...step, seq: 2 ** 28, output: null }] }))
  }, "more steps than"],
  ["a digest that is a path", () => replaced(`"digest":"${digestOf(object)}"`, "\"digest\":\"../../x\""), "no digest"]
]

/** Every file below a folder. */
const filesOf = (path: string): ReadonlyArray<string> => readdirSync(path, { recursive: true }).map(String).sort()

describe("an archive of runs", () => {
  it.live("that was made by hand as the documentation says is read", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "a.uniflow.tar")
      writeFileSync(path, good())
      const to = yield* store
      expect((yield* CopyRuns.copy(yield* RunArchive.source(path), to.place)).runs).toEqual([{ id: "run-1", as: "run-1", outcome: "copied" }])
      expect(yield* to.artifacts.get(digestOf(object))).toEqual(object)
    }).pipe(Effect.scoped))

  for (const [what, bytes, says] of hostile) {
    it.live(`is refused with a clear line, and nothing is written, when it is ${what}`, () =>
      Effect.gen(function*() {
        const directory = yield* folder
        const path = join(directory, "a.uniflow.tar")
        writeFileSync(path, bytes())
        const before = filesOf(directory)
        const error = yield* Effect.flip(RunArchive.source(path))
        expect(error._tag).toBe("InvalidArchive")
        expect(error.message).toContain(says)
        expect(error.message).toContain("Nothing was written")
        expect(error.message.split("\n")).toHaveLength(1)
        expect(Buffer.byteLength(error.message)).toBeLessThan(2000)
        expect(filesOf(directory)).toEqual(before)
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
      }).pipe(Effect.scoped))
  }

  it.live("that is a folder, or is not there, is told as such", () =>
    Effect.gen(function*() {
      const directory = yield* folder
      mkdirSync(join(directory, "d.uniflow.tar"))
      symlinkSync("d.uniflow.tar", join(directory, "l.uniflow.tar"))
      expect((yield* Effect.flip(RunArchive.source(join(directory, "d.uniflow.tar")))).message).toContain("it is no file")
      expect((yield* Effect.flip(RunArchive.source(join(directory, "l.uniflow.tar")))).message).toContain("it is no file")
      expect(yield* Effect.flip(RunArchive.source(join(directory, "none.uniflow.tar")))).toMatchObject({ _tag: "StoreError", reason: "Unavailable" })
    }).pipe(Effect.scoped))

  it.live("with any one bit changed is refused", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "a.uniflow.tar")
      const bytes = good()
      const accepted: Array<number> = []
      const runs = new Set(fc.sample(fc.nat(bytes.length - 1), { numRuns: 400, seed: 1 }))
      for (const at of runs) {
        writeFileSync(path, flipped(at))
        const opened = yield* Effect.scoped(Effect.result(RunArchive.source(path)))
        if (opened._tag === "Success") accepted.push(at)
      }
      expect(accepted).toEqual([])
    }).pipe(Effect.scoped), 60_000)

  it.live("is a tar like any other: tar lists and unpacks it, and its SHA256SUMS holds of what was unpacked", () =>
    Effect.gen(function*() {
      const from = yield* store
      for (const [n, seed] of [4, 5, 6].entries()) yield* fill(from, fc.sample(bundle(`run-${n}`), { numRuns: 1, seed })[0]!)
      const directory = yield* folder
      const path = join(directory, "a.uniflow.tar")
      yield* Effect.scoped(Effect.flatMap(RunArchive.target(path), (to) => CopyRuns.copy(from.place, to)))
      const listed = execFileSync("tar", ["-tf", path], { encoding: "utf8" }).trim().split("\n")
      expect([listed[0], listed.at(-1)]).toEqual(["uniflow.json", "SHA256SUMS"])
      execFileSync("tar", ["-xf", path, "-C", directory])
      const sums = readFileSync(join(directory, "SHA256SUMS"), "utf8").trim().split("\n").map((line) => line.split("  ") as [string, string])
      expect(sums.map(([, name]) => name)).toEqual(listed.slice(0, -1))
      for (const [digest, name] of sums) expect(sum(readFileSync(join(directory, name)))).toBe(digest)
      expect(JSON.parse(readFileSync(join(directory, "runs", "00000001.jsonl"), "utf8").split("\n")[0]!)).toHaveProperty("run.id")
    }).pipe(Effect.scoped))

  it("sizes of entries come back, those of more than 8 GiB too", () => {
    fc.assert(fc.property(fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(8 ** 11 - 1, 8 ** 11)), (sizeBytes) => {
      expect(readHeader(headerOf({ name: "objects/a", sizeBytes }))).toEqual({ name: "objects/a", sizeBytes })
    }))
  })
})
