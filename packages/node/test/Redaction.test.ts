import { describe, expect, it } from "vitest"
import { redactArguments, redactText } from "../src/internal/redaction.ts"

/** Texts in which a careless pattern looks at the rest again from every place. */
const hostile: ReadonlyArray<readonly [what: string, unit: string]> = [
  ["one word", "y"],
  ["words that sound secret", "secret"],
  ["secret names without a value", "token:"],
  ["secret names with quotes that do not close", "token:\"\\\""],
  ["beginnings of tokens", "eyJaaaaaaaa-"],
  ["beginnings of tokens with points", "eyJaaaaaaaa."],
  ["beginnings of keys", "-----BEGIN AAAA "],
  ["beginnings of URLs", "http://a:"],
  ["many URLs", "http://"],
  ["schemes and spaces", "Bearer          "],
  ["assignments", "a.b-c="],
  ["spaces", " "],
  ["quotes", "\"'`"],
  ["dashes", "-"]
]

describe("a long text is redacted in a time that grows as it does", () => {
  it.each(hostile)("%s", (_, unit) => {
    const text = unit.repeat(Math.ceil(400_000 / unit.length))
    for (const end of ["", "!", "="]) {
      const begun = performance.now()
      redactText(text + end, {})
      redactArguments([text + end, "--param", `text=${text}${end}`], {})
      // Some 20 ms; what looks at the rest from every place takes minutes.
      expect(performance.now() - begun).toBeLessThan(2000)
    }
  })
})

it("secrets are found in the middle of a long text", () => {
  const filler = "y".repeat(100_000)
  const short = (text: string): string => text.replaceAll(filler, "…")
  expect(short(redactText(`${filler} MY_API_KEY_FOR_THINGS=abcdefgh ${filler}`, {}))).toBe("… MY_API_KEY_FOR_THINGS=[redacted] …")
  expect(short(redactText(`${filler}.secret='abcdef' , "x-token" : 'abc'`, {}))).toBe(`….secret='[redacted]' , "x-token" : '[redacted]'`)
  expect(redactArguments([`${filler}--api-key=abcdefgh`], {}).map(short)).toEqual(["…--api-key=[redacted]"])
})

it("a secret that no URL can hold is found, too", () => {
  expect(redactText("it is abcdefgh\ud800, or so", { MY_TOKEN: "abcdefgh\ud800" })).toBe("it is [redacted], or so")
})
