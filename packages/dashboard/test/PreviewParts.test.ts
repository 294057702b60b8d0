import { describe, expect, it } from "vitest"
import { csvRows } from "../ui/src/parts/csvRows.ts"
import { imageSize, isSmallEnough } from "../ui/src/parts/imageSize.ts"
import { jsonDifferences } from "../ui/src/parts/jsonDifferences.ts"

const bytesOf = (...parts: ReadonlyArray<string | ReadonlyArray<number>>): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...part].map((char) => char.charCodeAt(0)) : [...part])))
const big = (value: number): ReadonlyArray<number> => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
const big2 = (value: number): ReadonlyArray<number> => [value >> 8, value & 255]
const png = (width: number, height: number) => bytesOf([0x89], "PNG\r\n", [0x1a], "\n", big(13), "IHDR", big(width), big(height), [8, 2, 0, 0, 0])

describe("the size of a picture is read before it is decoded", () => {
  it("of PNG, GIF, JPEG, WebP and AVIF", () => {
    expect(imageSize(png(60_000, 60_001))).toEqual({ width: 60_000, height: 60_001 })
    expect(imageSize(bytesOf("GIF89a", [0x40, 1, 0xf0, 0, 0, 0, 0]))).toEqual({ width: 320, height: 240 })
    const frame = (width: number, height: number) => [0xff, 0xc0, 0, 11, 8, ...big2(height), ...big2(width), 1, 1, 0x11, 0]
    expect(imageSize(bytesOf([0xff, 0xd8, 0xff, 0xe0, 0, 6, 1, 2, 3, 4, 0xff], frame(320, 240), [0xff, 0xda, 0, 0]))).toEqual({ width: 320, height: 240 })
    // A thumbnail's frame before the true one does not hide it.
    expect(imageSize(bytesOf([0xff, 0xd8], frame(1, 1), frame(60_000, 60_000), [0xff, 0xda, 0, 0]))).toEqual({ width: 60_000, height: 60_000 })
    const webp = (kind: string, rest: ReadonlyArray<number>) => bytesOf("RIFF", [0, 0, 0, 0], "WEBP", kind, [0, 0, 0, 0], rest, Array.from({ length: 20 }, () => 0))
    expect(imageSize(webp("VP8X", [0, 0, 0, 0, 0x3f, 1, 0, 0xef, 0, 0]))).toEqual({ width: 320, height: 240 })
    expect(imageSize(webp("VP8 ", [0, 0, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xf0, 0]))).toEqual({ width: 320, height: 240 })
    expect(imageSize(webp("VP8L", [0x2f, 0x3f, 0xc1, 0x3b, 0]))).toEqual({ width: 320, height: 240 })
    expect(imageSize(bytesOf([0, 0, 0, 20], "ftypavif", big(0), [0, 0, 0, 20], "ispe", big(0), big(320), big(240), big(0)))).toEqual({ width: 320, height: 240 })
  })

  it("is not known of what is none, or ends too early", () => {
    for (const bytes of [new Uint8Array(), bytesOf("GIF8"), bytesOf("<svg>......"), png(1, 1).slice(0, 18), bytesOf([0xff, 0xd8, 0xff, 0xff, 0xff]), bytesOf("RIFF....WEBPVP8X")]) expect(imageSize(bytes)).toBeUndefined()
  })

  it("decides whether a browser may decode it", () => {
    expect(isSmallEnough({ width: 4_000, height: 3_000 })).toBe(true)
    for (const [width, height] of [[60_000, 60_000], [60_000, 1], [8_000, 8_000], [0, 10]] as const) expect(isSmallEnough({ width, height })).toBe(false)
  })
})

describe("JSON is compared by paths", () => {
  it("with what stands there in each, and what one alone has", () => {
    expect(jsonDifferences({ a: 1, list: [1, { b: "x" }], "two words": true, same: [1] }, { a: 2, list: [1, { b: "y" }, 3], same: [1] }, 10)).toEqual([
      { path: "$.a", before: "1", after: "2" },
      { path: "$.list[1].b", before: "\"x\"", after: "\"y\"" },
      { path: "$.list[2]", before: undefined, after: "3" },
      { path: "$[\"two words\"]", before: "true", after: undefined }
    ])
    expect(jsonDifferences(JSON.parse("{\"__proto__\":1}"), {}, 10)).toEqual([{ path: "$.__proto__", before: "1", after: undefined }])
    expect(jsonDifferences([], {}, 10)).toHaveLength(1)
    expect(jsonDifferences({ a: [1, { b: null }] }, { a: [1, { b: null }] }, 10)).toEqual([])
  })

  it("as far as it was asked for, and however deep", () => {
    expect(jsonDifferences(Array.from({ length: 100_000 }, () => 1), Array.from({ length: 100_000 }, () => 2), 5)).toHaveLength(6)
    const deep = (end: number) => JSON.parse(`${"[".repeat(3_000)}${end}${"]".repeat(3_000)}`) as unknown
    expect(jsonDifferences(deep(1), deep(2), 5)).toHaveLength(1)
  })
})

describe("CSV", () => {
  it("is read with quotes, line ends of both kinds, and a last line without one", () => {
    expect(csvRows("a,\"b, \"\"c\"\"\"\r\n1,\"two\nlines\"\n3", ",", 10).rows).toEqual([["a", "b, \"c\""], ["1", "two\nlines"], ["3"]])
  })

  it("of 100,000 columns or rows has its first 200 columns and as many rows as asked for", () => {
    const { rows, wide } = csvRows(`${"1,".repeat(100_000)}\n${"2\n".repeat(100_000)}`, ",", 50)
    expect([rows.length, rows[0]!.length, wide]).toEqual([50, 200, true])
  })
})
