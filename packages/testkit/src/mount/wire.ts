/** HTTP/1.1 over a bare socket: what is sent is what was written, and what comes back is read whole. */
import { connect } from "node:net"

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  readonly text: string
}

const LIMIT_MS = 20_000

const chunk = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])

/** The answers in what came; the last one ends with the connection. */
const answersOf = (received: Buffer): ReadonlyArray<Answer> => {
  const answers: Array<Answer> = []
  let at = 0
  while (at < received.length) {
    const end = received.indexOf("\r\n\r\n", at)
    if (end < 0) break
    const [first = "", ...lines] = received.subarray(at, end).toString("latin1").split("\r\n")
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1])
    if (!Number.isInteger(status)) throw new Error(`This is no answer of HTTP: ${first.slice(0, 100)}`)
    const headers = new Headers(lines.map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]))
    at = end + 4
    if (status === 100) continue
    const parts: Array<Buffer> = []
    if (headers.get("transfer-encoding") === "chunked") {
      while (true) {
        const line = received.indexOf("\r\n", at)
        const size = line < 0 ? 0 : Number.parseInt(received.subarray(at, line).toString("latin1"), 16)
        at = line < 0 ? received.length : line + 2
        if (!(size > 0)) {
          at = Math.min(received.length, at + 2)
          break
        }
        parts.push(received.subarray(at, at + size))
        at += size + 2
      }
    } else {
      const length = headers.has("content-length") ? Number(headers.get("content-length")) : received.length - at
      parts.push(received.subarray(at, at + length))
      // HEAD tells a length and has no body.
      at = received.subarray(at, at + 5).toString("latin1") === "HTTP/" ? at : at + length
    }
    const body = Buffer.concat(parts)
    answers.push({ status, headers, body, text: body.toString("utf8") })
  }
  return answers
}

/** Sends parts one after another, those of an iterable as chunks, until the other side ends the connection. */
export const exchange = (port: number, parts: ReadonlyArray<string | Uint8Array | Iterable<Uint8Array>>): Promise<ReadonlyArray<Answer>> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    const received: Array<Buffer> = []
    let over = false
    const timer = setTimeout(() => {
      over = true
      socket.destroy()
      reject(new Error(`No end within ${LIMIT_MS} ms; so far: ${Buffer.concat(received).toString("latin1").slice(0, 300)}`))
    }, LIMIT_MS)
    const write = async (): Promise<void> => {
      const put = (bytes: string | Uint8Array): Promise<void> =>
        new Promise((done) => {
          if (over || socket.destroyed) done()
          else socket.write(bytes, () => done())
        })
      for (const part of parts) {
        if (typeof part === "string" || part instanceof Uint8Array) await put(part)
        else {
          for (const bytes of part) {
            if (over || socket.destroyed) return
            await put(chunk(bytes))
            // What came in is read before more is sent: a write that fails ends the socket.
            await new Promise((done) => setImmediate(done))
            if (received.length > 0) return
          }
          await put("0\r\n\r\n")
        }
      }
    }
    socket.on("connect", () => void write())
    socket.on("data", (bytes) => received.push(bytes))
    // A server that has answered may reset what is still being sent.
    socket.on("error", () => {})
    socket.on("close", () => {
      over = true
      clearTimeout(timer)
      try {
        resolve(answersOf(Buffer.concat(received)))
      } catch (error) {
        reject(error)
      }
    })
  })
