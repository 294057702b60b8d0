/** Tags as one line to edit: `stage=prod, team=vision`. */

export type Tags = { readonly [name: string]: string }

const SEPARATOR = /,\s*(?=[^=,]+=)/

export const tagText = (tags: Tags): string => Object.entries(tags).map(([name, value]) => `${name}=${value}`).join(", ")

const parsed = (text: string): ReadonlyArray<readonly [string, string]> =>
  text.split(SEPARATOR).flatMap((part) => {
    const at = part.indexOf("=")
    const [name, value] = at < 0 ? [part.trim(), "true"] : [part.slice(0, at).trim(), part.slice(at + 1).trim()]
    return name === "" ? [] : [[name, value] as const]
  })

/** Whether the line says all that the tags say; else they are not edited as a line. */
export const isEditable = (tags: Tags): boolean => {
  const again = parsed(tagText(tags))
  return again.length === Object.keys(tags).length && again.every(([name, value]) => tags[name] === value)
}

/** What to change so that the tags are as the line says: null takes one away. */
export const tagChanges = (before: Tags, text: string): { readonly [name: string]: string | null } => {
  const after = new Map(parsed(text))
  return Object.fromEntries([
    ...[...after].filter(([name, value]) => before[name] !== value),
    ...Object.keys(before).filter((name) => !after.has(name)).map((name) => [name, null] as const)
  ])
}
