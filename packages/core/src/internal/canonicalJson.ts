/** JSON text with sorted keys and no spaces: equal values, equal texts. Takes plain JSON only. */
export const canonicalJson = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null"
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`
  const keys = Object.keys(value).sort()
  let text = "{"
  for (const key of keys) {
    const item: unknown = Reflect.get(value, key)
    if (item !== undefined) text += `${text.length > 1 ? "," : ""}${JSON.stringify(key)}:${canonicalJson(item)}`
  }
  return `${text}}`
}
