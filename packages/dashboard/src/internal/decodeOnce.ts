/** A part of an address, decoded exactly once; undefined where it cannot be. */
export const decodeOnce = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
