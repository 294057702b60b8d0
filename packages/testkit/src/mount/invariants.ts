/** What holds for every answer, whatever was asked. */
import { expect } from "vitest"
import type { MountCase } from "./cases.ts"
import type { MountAnswer } from "./Door.ts"

export interface Safety {
  /** Texts that no refusal may hold: records of runs may tell where they ran. */
  readonly secrets: ReadonlyArray<string>
  /** Texts that no answer at all may hold. */
  readonly canaries: ReadonlyArray<string>
  /** Answers are the page's own; else the server around it may have its own for what it refuses. */
  readonly ownAnswers: boolean
  readonly refusalMs: number
}

/** That no answer tells of the machine, and none leads elsewhere. */
export const expectSafe = ({ headers, status, text }: MountAnswer, { canaries, secrets }: Pick<Safety, "canaries" | "secrets">): void => {
  expect(status, text.slice(0, 300)).toBeLessThan(500)
  for (const canary of canaries) expect(text.includes(canary), "what stands in another file").toBe(false)
  if (status >= 400) {
    expect(text, "a stack").not.toMatch(/\n\s+at .+[(:]|node_modules|node:internal/)
    expect(text, "SQL").not.toMatch(/\b(?:SELECT .+ FROM|INSERT INTO|SQLITE_|syntax error)\b/)
    for (const secret of secrets) expect(text.includes(secret), `a place of the machine: ${secret}`).toBe(false)
  }
  expect(headers.get("access-control-allow-origin")).toBeNull()
  expect(headers.get("set-cookie")).toBeNull()
  const location = headers.get("location")
  if (location !== null) expect(location, "another host").toMatch(/^(?:\/(?![/\\])|\.|http:\/\/localhost[:/])/)
  if (headers.get("content-type")?.includes("html") === true) expect(text).not.toMatch(/alert\(|onerror=/)
}

/** That an answer is the page's own: its headers, and the form of its errors. */
const expectOwn = ({ headers, status, text }: MountAnswer): void => {
  expect(headers.get("x-content-type-options")).toBe("nosniff")
  expect(headers.get("content-type")).toMatch(/^[a-z]+\/[a-z0-9.+-]+/)
  expect(headers.get("content-security-policy")).toContain("default-src 'none'")
  if (status < 400 || text === "") return
  const body = JSON.parse(text) as { readonly error: { readonly [name: string]: unknown } }
  expect(Object.keys(body)).toEqual(["error"])
  expect(body.error).toEqual({ code: expect.stringMatching(/^[a-z_]+$/) as unknown, message: expect.any(String) as unknown, requestId: headers.get("x-request-id") })
}

/** That a case was answered as it must be. */
export const expectAnswer = ({ code, early, request, status }: MountCase, answer: MountAnswer, safety: Safety): void => {
  // A server around the page may lead to the address as it writes it; the answer there is another case.
  if (!safety.ownAnswers && [307, 308].includes(answer.status)) return expectSafe(answer, safety)
  const wanted = typeof status === "number" ? [status] : status
  expect(wanted, `${answer.status} ${answer.text.slice(0, 300)}`).toContain(answer.status)
  expectSafe(answer, safety)
  const own = answer.headers.has("x-request-id")
  if (own) expectOwn(answer)
  else expect(early === true || !safety.ownAnswers, "who answered?").toBe(true)
  if (code !== undefined && own && request.method !== "HEAD") expect((JSON.parse(answer.text) as { readonly error: { readonly code: string } }).error.code).toBe(code)
  if (answer.status >= 400 && answer.status !== 413) expect(answer.tookMs, "slow").toBeLessThan(safety.refusalMs)
}
