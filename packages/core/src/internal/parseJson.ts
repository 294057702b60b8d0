/**
 * JSON.parse with its keys right.
 *
 * V8 from 12.8 on (Node 24, and 26 as of 26.5) may read a key that holds an escape as another key, when an earlier
 * object had a key that begins like the escaped text does: `{"b":1,"\"":2}` after `{"b":1,"\\":2}`
 * (github.com/nodejs/node/issues/63785). Values are not affected. So texts with such keys, which are rare, are taken
 * apart here; all others are left to the platform.
 */

/** What is known of JSON text before anything is made of it. */
export interface JsonOutline {
  /** How deep arrays and objects stand inside one another; counting ends past `limit`. */
  readonly depth: number
  /** Whether a key holds an escape. */
  readonly escapedKeys: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/** Looks over the UTF-8 bytes of JSON text. */
export const outlineJson = (bytes: Uint8Array, limit: number): JsonOutline => {
  let depth = 0
  let deepest = 0
  let escapedKeys = false
  for (let i = 0; i < bytes.length && deepest <= limit; i++) {
    const byte = bytes[i]!
    if (byte === QUOTE) {
      let escaped = false
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) {
        if (bytes[i] === BACKSLASH) {
          escaped = true
          i++
        }
      }
      if (escaped) {
        let next = i + 1
        while (next < bytes.length && bytes[next]! <= 0x20) next++
        if (bytes[next] === COLON) escapedKeys = true
      }
    } else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return { depth: deepest, escapedKeys }
}

/** Reads text that is known to be JSON. */
class Parser {
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  value(): unknown {
    switch (this.next()) {
      case "{":
        return this.object()
      case "[":
        return this.array()
      case "\"":
        return this.string()
      default: {
        const begin = this.at
        while (this.at < this.text.length && !"]}, \t\n\r".includes(this.text[this.at]!)) this.at++
        return JSON.parse(this.text.slice(begin, this.at))
      }
    }
  }

  private object(): object {
    const object = {}
    this.at++
    while (this.next() !== "}") {
      const key = this.string()
      this.next()
      this.at++
      const value = this.value()
      // Defined, not assigned: `__proto__` is a key like any other.
      Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
      if (this.next() === ",") this.at++
    }
    this.at++
    return object
  }

  private array(): ReadonlyArray<unknown> {
    const array: Array<unknown> = []
    this.at++
    while (this.next() !== "]") {
      array.push(this.value())
      if (this.next() === ",") this.at++
    }
    this.at++
    return array
  }

  private string(): string {
    const begin = this.at++
    while (this.text[this.at] !== "\"") this.at += this.text[this.at] === "\\" ? 2 : 1
    this.at++
    return JSON.parse(this.text.slice(begin, this.at))
  }

  /** The next character that is no space. */
  private next(): string | undefined {
    while (" \t\n\r".includes(this.text[this.at] ?? ".")) this.at++
    return this.text[this.at]
  }
}

/** The value of JSON text; throws what JSON.parse throws. */
export const parseJson = (text: string, outline: JsonOutline): unknown => {
  const value: unknown = JSON.parse(text)
  return outline.escapedKeys ? new Parser(text).value() : value
}
