/**
 * JSON.parse with its keys right, for text whose keys nobody vouches for: stored rows, files, what a person typed.
 *
 * ```ts
 * import { JsonText } from "@uniflow/core"
 *
 * JsonText.parse('{"a\\"b":1}') // the key is a"b, whatever was parsed before
 * ```
 */
import { outlineJson, parseJson } from "./internal/parseJson.ts"

const encoder = new TextEncoder()

/** The value of JSON text; throws what `JSON.parse` throws. A key such as `__proto__` is data. */
export const parse = (text: string): unknown =>
  text.includes("\\") ? parseJson(text, outlineJson(encoder.encode(text), Infinity)) : JSON.parse(text)
