/** Bodies of requests: bounded in length and in time, and text in UTF-8. */
import type { Problem } from "./problem.ts"

/** The largest body that is read, in bytes. */
const MOST_BYTES = 1024 * 1024

const tooLarge: Problem = { status: 413, code: "too_large", message: "The body has more than 1 MiB." }

/** So much of a longer body is taken and dropped before it is refused: who is still sending would not hear the answer. In bytes and milliseconds. */
const DROPPED_BYTES = 8 * 1024 * 1024
const DROPPED_MS = 500

/** Reads a body, as long as it is not too long, too slow, broken off, or no text. */
export const readBody = async (request: Request, withinMs: number): Promise<string | Problem> => {
  const declared = Number(request.headers.get("content-length") ?? 0)
  if (declared > DROPPED_BYTES) return tooLarge
  const reader = request.body?.getReader()
  if (reader === undefined) return ""
  let timer: ReturnType<typeof setTimeout> | undefined
  const after = (ms: number): Promise<"late"> => {
    clearTimeout(timer)
    return new Promise((resolve) => {
      timer = setTimeout(() => resolve("late"), ms)
    })
  }
  const leave = (problem: Problem): Problem => {
    // Not at once: to end the body may end the connection, and the answer with it.
    setTimeout(() => void reader.cancel().catch(() => {}), DROPPED_MS)
    return problem
  }
  const decoder = new TextDecoder("utf-8", { fatal: true })
  let late = after(withinMs)
  let text = ""
  let length = 0
  let tooLong = false
  try {
    while (true) {
      const read = await Promise.race([reader.read(), late])
      if (read === "late") return leave(tooLong ? tooLarge : { status: 408, code: "too_slow", message: "The body did not come in time." })
      if (read.done) return tooLong ? tooLarge : text + decoder.decode()
      length += read.value.length
      if (length > DROPPED_BYTES) return leave(tooLarge)
      if (!tooLong && (length > MOST_BYTES || declared > MOST_BYTES)) {
        tooLong = true
        late = after(DROPPED_MS)
      }
      if (!tooLong) text += decoder.decode(read.value, { stream: true })
    }
  } catch {
    return leave({ status: 400, code: "invalid_request", message: "The body is not whole, or no text in UTF-8." })
  } finally {
    clearTimeout(timer)
  }
}
