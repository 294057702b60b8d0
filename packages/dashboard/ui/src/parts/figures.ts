/** Figures as the API sends them: numbers that JSON lacks come as texts. */

/** The number; undefined for nothing. */
export const figureOf = (value: number | string | null | undefined): number | undefined => (value === null || value === undefined ? undefined : Number(value))

/** A param's or another JSON value in one line. */
export const valueText = (value: unknown): string =>
  typeof value === "object" && value !== null && "$redacted" in value ? "(secret)" : typeof value === "string" ? value : JSON.stringify(value) ?? ""
