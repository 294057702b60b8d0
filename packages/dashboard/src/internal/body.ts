/** Bodies of requests: bounded in length and in time, and text in UTF-8. */
import type { Problem } from "./problem.ts"

/** The largest body that is read, in bytes. */
const MOST_BYTES = 1024 * 1024

const tooLarge: Problem = { status: 413, code: "too_large", message: "The body has more than 1 MiB." }

/** Reads a body, as long as it is not too long, too slow, broken off, or no text. */
export const readBody = async (request: Request, withinMs: number): Promise<string | Problem> => {
  if (Number(request.headers.get("content-length") ?? 0) > MOST_BYTES) return tooLarge
  const reader = request.body?.getReader()
  if (reader === undefined) return ""
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), withinMs)
  })
  const leave = (problem: Problem): Problem => {
    // Nobody waits for a sender that may never end.
    reader.cancel().catch(() => {})
    return problem
  }
  const decoder = new TextDecoder("utf-8", { fatal: true })
  let text = ""
  let length = 0
  try {
    while (true) {
      const read = await Promise.race([reader.read(), late])
      if (read === "late") return leave({ status: 408, code: "too_slow", message: "The body did not come in time." })
      if (read.done) return text + decoder.decode()
      length += read.value.length
      if (length > MOST_BYTES) return leave(tooLarge)
      text += decoder.decode(read.value, { stream: true })
    }
  } catch {
    return leave({ status: 400, code: "invalid_request", message: "The body is not whole, or no text in UTF-8." })
  } finally {
    clearTimeout(timer)
  }
}
