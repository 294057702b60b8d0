/** `uniflow ui`, as it is installed, on a port of its own choice. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../node_modules/uniflow/dist/bin.js", import.meta.url))

/** Begins to serve the runs of a folder. */
export const startUi = async (directory: string): Promise<{ readonly origin: string; readonly stop: () => Promise<void> }> => {
  const server = spawn(process.execPath, [bin, "--directory", directory, "ui", "--no-open", "--port", "0"], { stdio: ["ignore", "pipe", "pipe"] })
  let output = ""
  const origin = await new Promise<string>((resolve, reject) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream.on("data", (text: Buffer) => {
        output += text.toString()
        const found = /http:\/\/\S+?:\d+/.exec(output)
        if (found !== null) resolve(found[0])
      })
    }
    server.once("close", () => reject(new Error(`uniflow ui ended: ${output}`)))
  })
  return {
    origin,
    stop: async () => {
      if (server.exitCode !== null) return
      server.kill("SIGKILL")
      await once(server, "close")
    }
  }
}
