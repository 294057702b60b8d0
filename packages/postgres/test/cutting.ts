import { createServer, type Socket, connect } from "node:net"

/** Where a connection is cut: before what was sent reaches the server, or after the server has done it and before it answers. */
export type Cut = "before" | "after"

export interface CuttingProxy {
  readonly port: number
  /** Cuts the next connection over which something is sent. */
  readonly cutNext: (cut: Cut) => void
  /** How many connections were cut. */
  readonly cuts: () => number
  readonly close: () => Promise<void>
}

/** A way to a server on loopback that breaks connections when it is told to. */
export const cuttingProxy = (port: number): Promise<CuttingProxy> =>
  new Promise((resolve, reject) => {
    let next: Cut | undefined
    let cuts = 0
    const open = new Set<Socket>()
    const server = createServer((client) => {
      const upstream = connect(port, "127.0.0.1")
      let deaf = false
      const end = (): void => {
        client.destroy()
        upstream.destroy()
        open.delete(client)
      }
      open.add(client)
      client.on("data", (data) => {
        if (next === "before") {
          next = undefined
          cuts++
          return end()
        }
        if (next === "after") {
          next = undefined
          deaf = true
        }
        upstream.write(data)
      })
      upstream.on("data", (data) => {
        if (!deaf) return void client.write(data)
        cuts++
        end()
      })
      for (const socket of [client, upstream]) {
        socket.on("error", end)
        socket.on("close", end)
      }
    })
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (typeof address !== "object" || address === null) return reject(new Error("no port"))
      resolve({
        port: address.port,
        cutNext: (cut) => void (next = cut),
        cuts: () => cuts,
        close: () =>
          new Promise((closed) => {
            for (const socket of open) socket.destroy()
            server.close(() => closed())
          })
      })
    })
  })
