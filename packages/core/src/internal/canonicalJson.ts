/**
 * JSON text with sorted keys and no spaces (RFC 8785): equal values, equal texts. It stands in front of every hash of
 * params and fingerprints, so it is written for speed, and takes plain JSON only: it neither checks nor refuses.
 */

/** Text that JSON writes as it is. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** A JSON string. */
export const jsonString = (text: string): string => (text.length <= 64 && plain.test(text) ? `"${text}"` : JSON.stringify(text))

/** The canonical text of a JSON value; properties that are undefined count as absent. */
export const canonicalJson = (value: unknown): string => {
  if (typeof value === "string") return jsonString(value)
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null"
  if (Array.isArray(value)) {
    let text = "["
    for (let i = 0; i < value.length; i++) text += i === 0 ? canonicalJson(value[i]) : `,${canonicalJson(value[i])}`
    return `${text}]`
  }
  const keys = Object.keys(value)
  if (keys.length > 1) keys.sort()
  let text = "{"
  for (const key of keys) {
    const item: unknown = Reflect.get(value, key)
    if (item !== undefined) text += `${text.length > 1 ? "," : ""}${jsonString(key)}:${canonicalJson(item)}`
  }
  return `${text}}`
}
