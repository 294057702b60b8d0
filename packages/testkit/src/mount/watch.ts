/**
 * What a process opens, for `mountSuite`: loaded before a server by `node --import`, it writes every file that JavaScript opens, every connection that is begun,
 * and every rejection that nobody handles into the file that UNIFLOW_WATCH names, a line of JSON each, and the state of `Object.prototype` when a file is asked for.
 */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import net from "node:net"
import process from "node:process"

const file = process.env["UNIFLOW_WATCH"]

const prototype = (): string => Reflect.ownKeys(Object.prototype).map(String).join()

if (file !== undefined) {
  const log = fs.openSync(file, "a")
  const write = fs.writeSync
  const note = (kind: string, text: unknown): void => void write(log, `${JSON.stringify([kind, String(text)])}\n`)
  const before = prototype()
  const patch = (target: object, names: ReadonlyArray<string>): void => {
    for (const name of names) {
      const original: unknown = Reflect.get(target, name)
      if (typeof original !== "function") continue
      Reflect.set(target, name, Object.assign(function(this: unknown, ...args: ReadonlyArray<unknown>): unknown {
        if (prototype() !== before) note("prototype", prototype())
        if (typeof args[0] !== "number") note("opened", args[0])
        return Reflect.apply(original, this, args)
      }, original))
    }
  }
  const names = ["access", "createReadStream", "createWriteStream", "lstat", "mkdir", "open", "opendir", "readFile", "readdir", "readlink", "realpath", "rm", "stat", "unlink", "writeFile"]
  patch(fs, [...names, ...names.map((name) => `${name}Sync`), "exists", "existsSync"])
  patch(fs.promises, names)
  const { connect } = net.Socket.prototype
  net.Socket.prototype.connect = function(this: net.Socket, ...args: ReadonlyArray<unknown>): net.Socket {
    note("connected", JSON.stringify(args[0]))
    return Reflect.apply(connect, this, args) as net.Socket
  } as typeof connect
  syncBuiltinESMExports()
  process.on("unhandledRejection", (error) => note("rejected", error))
  process.on("SIGUSR2", () => note("looked", prototype() === before && !("polluted" in {})))
}
