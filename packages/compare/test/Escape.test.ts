import * as fc from "fast-check"
import { micromark } from "micromark"
import { gfm, gfmHtml } from "micromark-extension-gfm"
import { describe, expect, it } from "vitest"
import { escapeControls, markdownCode, renderMarkdownTable } from "../src/index.ts"
import { anyText } from "./arbitraries.ts"

const html = (markdown: string): string => micromark(markdown, { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] })

const entities: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: "\"" }

/** What a reader of rendered HTML sees. */
const shown = (text: string): string =>
  text.replace(/<[^>]*>/g, "").replace(/&#(\d+);|&(\w+);/g, (_, code: string | undefined, name: string) =>
    code === undefined ? entities[name] ?? `&${name};` : String.fromCodePoint(Number(code)))

describe("for a terminal", () => {
  it("no control, direction or invisible character of stored text is printed", () => {
    fc.assert(fc.property(anyText, (text) => {
      const line = escapeControls(text)
      expect(line).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200b\ufeff\u00ad]/u)
      expect(() => encodeURIComponent(line)).not.toThrow()
    }))
  })

  it("what is escaped can be read, and what is harmless stays", () => {
    expect(escapeControls("a\nb\tc\x1b[31m\x9b\u202e\ud800")).toBe("a\\nb\\tc\\x1b[31m\\x9b\\u{202e}\\u{d800}")
    const harmless = "naïve 日本語 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 می‌خواهم e\u0301 \\n"
    expect(escapeControls(harmless)).toBe(harmless)
  })
})

describe("for Markdown", () => {
  it("a cell shows exactly the stored text, and the table keeps its shape", () => {
    fc.assert(fc.property(anyText, anyText, (one, two) => {
      const rendered = html(renderMarkdownTable({ align: ["left", "right"], header: ["", markdownCode(one)], rows: [[markdownCode(two), "1"]] }))
      const cells = [...rendered.matchAll(/<t[hd]\b[^>]*>(.*?)<\/t[hd]>/gs)].map(([, content = ""]) => content)
      expect(cells).toHaveLength(4)
      expect(cells[3]).toBe("1")
      expect([shown(cells[1] ?? ""), shown(cells[2] ?? "")]).toEqual([escapeControls(one), escapeControls(two)])
    }), { numRuns: 1_000 })
  })

  it("stored text makes no element but its own code element", () => {
    fc.assert(fc.property(anyText, (text) => {
      const rendered = html(markdownCode(text))
      const tags = [...rendered.matchAll(/<\/?([a-z]+)/gi)].map(([, name]) => name)
      expect(tags).toEqual(["p", "code", "code", "p"])
    }), { numRuns: 1_000 })
  })

  it("common text stays easy to read at its source", () => {
    expect(markdownCode("run_2023_10_27")).toBe("`run_2023_10_27`")
    expect(markdownCode("a|b")).toBe("<code>a&#124;b</code>")
    expect(markdownCode("")).toBe("<code></code>")
  })
})
