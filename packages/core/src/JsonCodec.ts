/**
 * Values as plain JSON (RFC 8785): the codec of stores in memory and of the browser.
 *
 * It keeps null, booleans, finite numbers (but -0), well-formed strings, arrays and plain objects. What JSON would
 * change or drop is refused with its place, and no getter runs. Two exceptions are kept in their own way: `undefined`
 * as a whole is saved as no bytes, and an object that stands in several places comes back as several equal ones.
 * `@uniflow/node` has a codec that keeps every JavaScript value.
 */
import { Layer, Result } from "effect"
import { Codec, type CodecService, encodedOf } from "./Codec.ts"
import { jsonString } from "./internal/canonicalJson.ts"
import { outlineJson, parseJson } from "./internal/parseJson.ts"

/** How deep arrays and objects may stand inside one another, written and read. */
const MAX_DEPTH = 512

class Refusal {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

const refuse = (reason: string): never => {
  throw new Refusal(reason)
}

class Walk {
  /** Where the walk is: the properties and indexes that lead there. */
  private readonly path: Array<string | number> = []
  /** The arrays and objects that the walk is inside of. */
  private readonly open = new Set<object>()

  text(value: unknown): string {
    switch (typeof value) {
      case "string":
        return wellFormed(value) ? jsonString(value) : refuse("the text has half a character (a lone surrogate), which JSON does not keep")
      case "number":
        if (!Number.isFinite(value)) return refuse(`${value} has no form in JSON`)
        return Object.is(value, -0) ? refuse("-0 would become 0 in JSON") : String(value)
      case "boolean":
        return value ? "true" : "false"
      case "object":
        return value === null ? "null" : this.container(value)
      case "undefined":
        return refuse("undefined has no form in JSON")
      default:
        return refuse(`a ${typeof value} has no form in JSON`)
    }
  }

  /** The place in the value, as users read it. */
  place(): string {
    return `$${this.path.map(segment).join("")}`
  }

  private container(value: object): string {
    if (this.open.has(value)) refuse("the value holds itself, which JSON cannot say")
    if (this.open.size === MAX_DEPTH) refuse(`the value is nested more than ${MAX_DEPTH} levels deep`)
    this.open.add(value)
    const prototype: unknown = Object.getPrototypeOf(value)
    const text = Array.isArray(value) && prototype === Array.prototype
      ? this.array(value)
      : prototype === Object.prototype
      ? this.object(value)
      : refuse(`${kindOf(prototype)} has no form in JSON`)
    this.open.delete(value)
    return text
  }

  private array(value: ReadonlyArray<unknown>): string {
    this.refuseSymbols(value)
    const names = Object.getOwnPropertyNames(value)
    const count = value.length
    // Indexes come first: `length` elsewhere means holes before it or properties after it.
    if (names[names.length - 1] !== "length") {
      this.path.push(names.at(-1)!)
      refuse("a property of an array that is not an element would be dropped in JSON")
    }
    let text = "["
    for (let i = 0; i < count; i++) {
      this.path.push(i)
      const element = Object.getOwnPropertyDescriptor(value, i) ?? refuse("the array has a hole, which would become null in JSON")
      text += i === 0 ? this.property(element) : `,${this.property(element)}`
      this.path.pop()
    }
    return `${text}]`
  }

  private object(value: object): string {
    this.refuseSymbols(value)
    let text = "{"
    for (const key of Object.getOwnPropertyNames(value).sort()) {
      this.path.push(key)
      if (!wellFormed(key)) refuse("the name of the property has half a character (a lone surrogate), which JSON does not keep")
      const item = this.property(Object.getOwnPropertyDescriptor(value, key)!)
      text += `${text.length > 1 ? "," : ""}${jsonString(key)}:${item}`
      this.path.pop()
    }
    return `${text}}`
  }

  private property(property: PropertyDescriptor): string {
    if (property.get !== undefined || property.set !== undefined) refuse("the property is computed by a getter, or has a setter")
    if (property.enumerable !== true) refuse("the property is not enumerable, and would be dropped in JSON")
    return this.text(property.value)
  }

  private refuseSymbols(value: object): void {
    const symbols = Object.getOwnPropertySymbols(value)
    if (symbols.length > 0) refuse(`a property is named by a symbol (${String(symbols[0])}), which JSON would drop`)
  }
}

const segment = (part: string | number): string =>
  typeof part === "number" ? `[${part}]` : /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`

const surrogate = /\p{Surrogate}/u
const wellFormed = (text: string): boolean => !surrogate.test(text)

/** "an instance of Foo": what to call an object by its prototype, without reading anything that could run. */
const kindOf = (prototype: unknown): string => {
  if (typeof prototype !== "object" || prototype === null) return "an object without a prototype"
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value
  const name: unknown = typeof constructor === "function" ? Object.getOwnPropertyDescriptor(constructor, "name")?.value : undefined
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "an instance of an unnamed class"
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Plain JSON, deterministic: the bytes are RFC 8785 text, or none for `undefined`. */
export const codec: CodecService = {
  id: "json/1",
  mediaType: "application/json",
  encode: (value) => {
    if (value === undefined) return Result.succeed(encodedOf(new Uint8Array()))
    const walk = new Walk()
    try {
      return Result.succeed(encodedOf(encoder.encode(walk.text(value))))
    } catch (error) {
      const reason = error instanceof Refusal ? error.reason : `reading it failed: ${error instanceof Error ? error.message : String(error)}`
      return Result.fail({ path: walk.place(), reason })
    }
  },
  decode: (bytes) => {
    if (bytes.length === 0) return Result.succeed(undefined)
    const outline = outlineJson(bytes, MAX_DEPTH)
    if (outline.depth > MAX_DEPTH) return Result.fail(`the text is nested more than ${MAX_DEPTH} levels deep`)
    try {
      // Every key becomes an own property, `__proto__` included.
      return Result.succeed(parseJson(decoder.decode(bytes), outline))
    } catch (error) {
      return Result.fail(`the bytes are not JSON text: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** Saves values as plain JSON. */
export const layer: Layer.Layer<Codec> = Layer.succeed(Codec, codec)
