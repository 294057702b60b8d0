import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { mountSuite, portDoor, recordHostileRuns, watched } from "@uniflow/testkit"
import { Uniflow } from "../src/index.ts"
import { bin, makeProject } from "./project.ts"

const repository = fileURLToPath(new URL("../../..", import.meta.url))
const CANARY = "a-canary-that-nobody-reads"

mountSuite({
  name: "uniflow ui",
  // The whole of a request goes through a real process on a machine that does other things, too.
  refusalMs: 400,
  open: async () => {
    const project = makeProject()
    const directory = join(project.folder, ".uniflow")
    const uniflow = await Uniflow.open({ directory, handleSignals: false })
    await recordHostileRuns(uniflow)
    await uniflow.close()
    for (const place of ["passwd", "windows/win.ini", "etc/passwd", ".uniflow/../canary.txt"]) {
      mkdirSync(join(project.folder, place, ".."), { recursive: true })
      writeFileSync(join(project.folder, place), CANARY)
    }
    const watch = watched(join(project.folder, "watched"))
    const child = spawn(process.execPath, ["--conditions=uniflow-source", bin, "ui", "--no-open", "--port", "0"], { cwd: project.folder, env: { ...process.env, ...watch.env }, stdio: ["ignore", "pipe", "inherit"] })
    let said = ""
    for await (const text of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
      said += text
      if (/http:\/\/\S+\//.test(said)) break
    }
    child.stdout.resume()
    const { host, port } = new URL(/http:\/\/\S+/.exec(said)![0])
    watch.begin()
    return {
      door: portDoor(Number(port), { base: "", host }),
      secrets: [project.folder, repository],
      canaries: [CANARY],
      check: () => watch.check(child, [project.folder, directory, `${directory}/`, repository]),
      close: async () => {
        if (child.exitCode === null) {
          child.kill("SIGKILL")
          await once(child, "close")
        }
        project.remove()
      }
    }
  }
})
