/**
 * The words of a filter's text: names, literals, operators, each with its place.
 */
import { InvalidFilter } from "./filterModel.ts"

export type Token =
  /** `quoted`: it stood in backticks and is never a word of the language. */
  | { readonly kind: "name"; readonly at: number; readonly end: number; readonly text: string; readonly quoted: boolean }
  | { readonly kind: "string"; readonly at: number; readonly end: number; readonly text: string }
  | { readonly kind: "number"; readonly at: number; readonly end: number; readonly value: number }
  /** In milliseconds. */
  | { readonly kind: "duration"; readonly at: number; readonly end: number; readonly value: number }
  /** Unix milliseconds. */
  | { readonly kind: "date"; readonly at: number; readonly end: number; readonly value: number }
  | { readonly kind: "sign"; readonly at: number; readonly end: number; readonly text: string }
  | { readonly kind: "end"; readonly at: number; readonly end: number }

const SPACE = /\s+/y
const NAME = /[\p{L}_$][\p{L}\p{N}\p{M}_$-]*/uy
const DATE = /\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:[Zz]|[+-]\d{2}:\d{2})?)?/y
const DURATION = /(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+(?![\p{L}\p{N}_])/uy
const PART = /(\d+(?:\.\d+)?)(ms|[smhdw])/g
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\p{L}\p{N}_])/uy
const SIGN = /<=|>=|!=|==|<>|&&|\|\||[<>=(),.!-]/y

const UNITS: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Unix milliseconds of a date in ISO 8601; without a time its first moment, without a zone in UTC. NaN for none. */
export const dateMs = (text: string): number => {
  DATE.lastIndex = 0
  if (!DATE.test(text) || DATE.lastIndex !== text.length) return NaN
  const iso = text.toUpperCase().replace(" ", "T")
  const ms = Date.parse(iso.length > 10 && !/(?:Z|[+-]\d{2}:\d{2})$/.test(iso) ? `${iso}Z` : iso)
  // `Date.parse` takes the 31st of February for a day in March.
  return ms === ms && new Date(`${iso.slice(0, 10)}T00:00:00Z`).toISOString().slice(0, 10) === iso.slice(0, 10) ? ms : NaN
}

const ESCAPES: { readonly [letter: string]: string } = { n: "\n", t: "\t", r: "\r", "0": "\0", "\\": "\\", "\"": "\"", "'": "'", "`": "`" }

/** Splits a text into its words; throws `InvalidFilter`. */
export const tokensOf = (what: string, text: string): ReadonlyArray<Token> => {
  const tokens: Array<Token> = []
  let at = 0
  const refuse = (position: number, issue: string): never => {
    throw new InvalidFilter({ what, text, position, issue })
  }
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0]
  }
  /** What stands between two quotes, escapes resolved. */
  const quotedText = (quote: string): { readonly text: string; readonly end: number } => {
    let content = ""
    for (let i = at + 1; i < text.length; i++) {
      const char = text[i]!
      if (char === quote) return { text: content, end: i + 1 }
      if (char !== "\\") content += char
      else {
        const letter = text[++i]
        const code = letter === "u" ? /^[0-9a-fA-F]{4}/.exec(text.slice(i + 1, i + 5))?.[0] : undefined
        if (code !== undefined) {
          content += String.fromCharCode(parseInt(code, 16))
          i += 4
        } else if (letter !== undefined && Object.hasOwn(ESCAPES, letter)) content += ESCAPES[letter]!
        // In a `like` pattern these stand for themselves.
        else if (letter === "%" || letter === "_") content += `\\${letter}`
        else refuse(i - 1, `"\\${letter ?? ""}" is no escape; there are \\n \\t \\r \\0 \\\\ \\" \\' \\\` and \\uXXXX`)
      }
    }
    return refuse(at, `this ${quote} is not closed`)
  }
  while (true) {
    at += take(SPACE)?.length ?? 0
    if (at >= text.length) return [...tokens, { kind: "end", at, end: at }]
    const char = text[at]!
    let token: Token
    if (char === "\"" || char === "'") token = { kind: "string", at, ...quotedText(char) }
    else if (char === "`") token = { kind: "name", at, quoted: true, ...quotedText(char) }
    else {
      const date = take(DATE)
      const duration = date === undefined ? take(DURATION) : undefined
      const number = date === undefined && duration === undefined ? take(NUMBER) : undefined
      // `now-7d` is no name.
      const name = /^now-\d/i.test(text.slice(at, at + 5)) ? text.slice(at, at + 3) : take(NAME)
      const sign = take(SIGN)
      if (date !== undefined) {
        const value = dateMs(date)
        if (value !== value) refuse(at, `there is no such day or time as ${date}`)
        token = { kind: "date", at, end: at + date.length, value }
      } else if (duration !== undefined) {
        const value = [...duration.matchAll(PART)].reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0)
        token = { kind: "duration", at, end: at + duration.length, value }
      } else if (number !== undefined && !(number.startsWith(".") && tokens.at(-1)?.end === at)) {
        const value = Number(number)
        if (!Number.isFinite(value)) refuse(at, "this number is too large")
        token = { kind: "number", at, end: at + number.length, value }
      } else if (name !== undefined) token = { kind: "name", at, end: at + name.length, text: name, quoted: false }
      else if (sign !== undefined) token = { kind: "sign", at, end: at + sign.length, text: sign }
      else return refuse(at, /\d/.test(char) ? "this is neither a number nor a date nor a duration such as 90s or 1h30m" : `"${String.fromCodePoint(text.codePointAt(at)!)}" has no meaning here`)
    }
    tokens.push(token)
    at = token.end
  }
}
