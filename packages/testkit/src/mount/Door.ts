/**
 * A way to a mounted page, for `mountSuite`: a handler in this process, or a server behind a port of this machine.
 *
 * What a door sends stands on the wire as it is written: nothing is normalised, escaped or added but what HTTP needs.
 */
import { exchange } from "./wire.ts"

export interface MountRequest {
  readonly method?: string
  /** What stands behind the mount and its slash, with the query. */
  readonly path: string
  /** Besides Host, Connection and the length of the body; a Host in here stands instead of the door's own. */
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>
  readonly body?: string | Uint8Array<ArrayBuffer> | Iterable<Uint8Array<ArrayBuffer>>
}

export interface MountAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  readonly text: string
  /** From sending to the last byte, in milliseconds. */
  readonly tookMs: number
}

export interface MountDoor {
  /** The path of the mount, without a slash at its end: `/uniflow`, or nothing. */
  readonly base: string
  /** The Host header by which it is reached. */
  readonly host: string
  readonly send: (request: MountRequest) => Promise<MountAnswer>
  /** Sends bytes as they are and gives every answer; undefined where there is no wire. */
  readonly raw?: ((bytes: string) => Promise<ReadonlyArray<MountAnswer>>) | undefined
}

const timed = (response: Omit<MountAnswer, "tookMs">, sinceMs: number): MountAnswer => ({ ...response, tookMs: performance.now() - sinceMs })

const streamOf = (parts: Iterable<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> => {
  const iterator = parts[Symbol.iterator]()
  return new ReadableStream({
    pull: (controller) => {
      const { done, value } = iterator.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    }
  })
}

/** A door to a handler. Such a door has no wire: the handler is given requests as a correct server would make them. */
export const handlerDoor = (handler: (request: Request) => Promise<Response>, { base, host }: Pick<MountDoor, "base" | "host">): MountDoor => ({
  base,
  host,
  send: async ({ body, headers = [], method = "GET", path }) => {
    const since = performance.now()
    const named = new Headers({ host })
    for (const [name, value] of headers) {
      if (name.toLowerCase() === "host") named.set(name, value)
      else named.append(name, value)
    }
    const source = body === undefined || typeof body === "string" || body instanceof Uint8Array ? body : streamOf(body)
    const response = await handler(new Request(`http://${host}${base}/${path}`, { method, headers: named, ...source === undefined ? {} : { body: source, duplex: "half" } } as RequestInit))
    const bytes = new Uint8Array(await response.arrayBuffer())
    return timed({ status: response.status, headers: response.headers, body: bytes, text: new TextDecoder().decode(bytes) }, since)
  }
})

/** A door to a server on loopback. */
export const portDoor = (port: number, { base, host }: Pick<MountDoor, "base" | "host">): MountDoor => {
  const raw = async (...parts: ReadonlyArray<string | Uint8Array | Iterable<Uint8Array>>): Promise<ReadonlyArray<MountAnswer>> => {
    const since = performance.now()
    return (await exchange(port, parts)).map((answer) => timed(answer, since))
  }
  return {
    base,
    host,
    raw,
    send: async ({ body, headers = [], method = "GET", path }) => {
      const own = new Set(headers.map(([name]) => name.toLowerCase()))
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body
      const lines = [
        `${method} ${base}/${path} HTTP/1.1`,
        ...own.has("host") ? [] : [`Host: ${host}`],
        "Connection: close",
        ...headers.map(([name, value]) => `${name}: ${value}`),
        ...bytes === undefined || own.has("content-length") || own.has("transfer-encoding") ? [] : [bytes instanceof Uint8Array ? `Content-Length: ${bytes.length}` : "Transfer-Encoding: chunked"]
      ]
      const [answer] = await raw(`${lines.join("\r\n")}\r\n\r\n`, ...bytes === undefined ? [] : [bytes])
      if (answer === undefined) throw new Error(`${method} ${path.slice(0, 100)}: the connection was closed without an answer`)
      return answer
    }
  }
}
