/**
 * Patterns of `like`: `%` stands for any text, `_` for one character, and `\\` before one of the three for itself.
 */
import { comparable } from "./Facts.ts"

/** One piece of a `like` pattern: a character, any character, or any text. */
export type Piece = { readonly char: string } | "one" | "any"

/** The pieces of a pattern. */
export const piecesOf = (pattern: string): ReadonlyArray<Piece> => {
  const pieces: Array<Piece> = []
  const chars = [...comparable(pattern)]
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!
    const next = chars[i + 1]
    if (char === "\\" && (next === "%" || next === "_" || next === "\\")) {
      pieces.push({ char: next })
      i++
    } else pieces.push(char === "%" ? "any" : char === "_" ? "one" : { char })
  }
  return pieces
}

/** Whether a whole text is like a pattern. Goes back to the last `%` at most: quadratic at worst, whatever the pattern. */
export const isLike = (text: string, pieces: ReadonlyArray<Piece>): boolean => {
  const chars = [...text]
  let at = 0
  let piece = 0
  let star = -1
  let resume = 0
  while (at < chars.length) {
    const one = pieces[piece]
    if (one === "any") {
      star = piece++
      resume = at
    } else if (one !== undefined && (one === "one" || one.char === chars[at])) {
      piece++
      at++
    } else if (star >= 0) {
      piece = star + 1
      at = ++resume
    } else return false
  }
  while (pieces[piece] === "any") piece++
  return piece === pieces.length
}
