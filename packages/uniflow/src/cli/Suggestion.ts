/**
 * The nearest of some names to one that was mistyped.
 */

/** Edits (insert, delete, replace, swap of neighbours) from one text to another. */
const distance = (a: string, b: string): number => {
  let before: ReadonlyArray<number> = []
  let last = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, before[j - 2]! + 1)
      row.push(edits)
    }
    before = last
    last = row
  }
  return last[b.length]!
}

/** The name that is meant, if one is near enough: a third of the letters may be wrong, or it begins or ends like this. */
export const nearest = (name: string, names: ReadonlyArray<string>): string | undefined => {
  const wanted = name.slice(0, 200).toLowerCase()
  const [best] = names
    .map((one) => {
      const candidate = one.slice(0, 200).toLowerCase()
      const part = wanted.length >= 3 && (candidate.startsWith(wanted) || candidate.endsWith(wanted))
      return { one, edits: part ? 0.5 : distance(wanted, candidate) }
    })
    .sort((a, b) => a.edits - b.edits)
  return best !== undefined && best.edits <= Math.max(1, Math.floor(Math.max(wanted.length, best.one.length) / 3)) ? best.one : undefined
}

/** `Did you mean x? ` where a name is near, and what there is. */
export const suggest = (name: string, names: ReadonlyArray<string>, what: string): string => {
  const near = nearest(name, names)
  const known = names.length === 0 ? `There are no ${what}.` : `The ${what} are: ${names.slice(0, 20).join(", ")}${names.length > 20 ? ", …" : ""}.`
  return near === undefined ? known : `Did you mean "${near}"? ${known}`
}
