/**
 * Values as plain JSON: the codec of memory stores and of the browser.
 *
 * It keeps null, booleans, finite numbers (but -0), well-formed strings, arrays and plain objects, with sorted keys;
 * everything that JSON would change or drop is refused with its path. `undefined` as a whole is kept: as no bytes.
 * `@uniflow/node` has a codec that keeps every JavaScript value.
 */
import { Layer, Result } from "effect"
import { Codec, type CodecService, encodedOf, type Unsavable } from "./Codec.ts"

const DEPTH = 512

class Refused {
  readonly unsavable: Unsavable
  constructor(path: string, reason: string) {
    this.unsavable = { path, reason }
  }
}

const member = (path: string, key: string): string => (/^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`)

const write = (value: unknown, path: string, open: Array<object>): string => {
  switch (typeof value) {
    case "boolean":
      return value ? "true" : "false"
    case "number":
      if (!Number.isFinite(value)) throw new Refused(path, `${value} has no form in JSON`)
      if (Object.is(value, -0)) throw new Refused(path, "-0 would become 0 in JSON")
      return String(value)
    case "string":
      if (/\p{Surrogate}/u.test(value)) throw new Refused(path, "the text holds half a character (a lone surrogate)")
      return JSON.stringify(value)
    case "object":
      return value === null ? "null" : writeObject(value, path, open)
    default:
      throw new Refused(path, `a value of type ${typeof value} has no form in JSON`)
  }
}

const writeObject = (value: object, path: string, open: Array<object>): string => {
  if (open.includes(value)) throw new Refused(path, "the value holds itself")
  if (open.length >= DEPTH) throw new Refused(path, `the value is nested more than ${DEPTH} levels deep`)
  open.push(value)
  let text: string
  if (Array.isArray(value)) {
    if (Reflect.ownKeys(value).length !== value.length + 1) throw new Refused(path, "the array has holes or properties of its own")
    text = `[${value.map((item, i) => write(item, `${path}[${i}]`, open)).join(",")}]`
  } else {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype) throw new Refused(path, `${constructorName(value)} has no form in JSON`)
    const parts: Array<string> = []
    for (const key of Reflect.ownKeys(value)) {
      if (typeof key === "symbol") throw new Refused(path, `the property ${String(key)} has a symbol for a name`)
      const property = Object.getOwnPropertyDescriptor(value, key)!
      if (!("value" in property)) throw new Refused(member(path, key), "the property is computed by a getter")
      if (!property.enumerable) throw new Refused(member(path, key), "the property is not enumerable")
    }
    for (const key of Object.keys(value).sort()) {
      parts.push(`${write(key, path, open)}:${write(Reflect.get(value, key), member(path, key), open)}`)
    }
    text = `{${parts.join(",")}}`
  }
  open.pop()
  return text
}

const constructorName = (value: object): string => {
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "an object without a prototype"
}

/** Plain JSON, deterministic. */
export const codec: CodecService = {
  id: "json/1",
  mediaType: "application/json",
  encode: (value) => {
    try {
      return Result.succeed(encodedOf(value === undefined ? new Uint8Array() : new TextEncoder().encode(write(value, "$", []))))
    } catch (refused) {
      if (refused instanceof Refused) return Result.fail(refused.unsavable)
      throw refused
    }
  },
  decode: (bytes) => {
    if (bytes.length === 0) return Result.succeed(undefined)
    try {
      // JSON.parse makes own properties of every key, `__proto__` included.
      return Result.succeed(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)))
    } catch (error) {
      return Result.fail(error instanceof Error ? error.message : String(error))
    }
  }
}

/** Saves values as plain JSON. */
export const layer: Layer.Layer<Codec> = Layer.succeed(Codec, codec)
