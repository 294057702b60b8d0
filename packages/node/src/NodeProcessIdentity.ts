/**
 * This process as a holder of runs, and whether another holder still lives.
 *
 * A process id alone proves nothing: ids come again after a restart, and every container counts its own. So a holder
 * is looked for only where its boot and its PID namespace are ours, and it is the same process only when the kernel's
 * start time agrees. Whatever cannot be looked at that way is `unknown`, and waits for its lease.
 *
 * Linux is read from /proc, macOS from `sysctl` and `ps`. On Windows, and where /proc shows another namespace, no boot
 * is known: holders there are `unknown`, never wrongly `dead`.
 */
import { execFile, execFileSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"
import process from "node:process"
import { type Holder, ProcessIdentity, type ProcessIdentityService } from "@uniflow/core"
import { Effect, Layer } from "effect"

/** What the kernel tells of a process: when it started, and whether it has ended and only waits to be collected. */
interface Seen {
  readonly start: string
  readonly ended: boolean
}

const attempt = (read: () => string): string => {
  try {
    return read()
  } catch {
    return ""
  }
}

/** The first time namespace of every Linux kernel: another one counts the same boot from another zero. */
const firstTimeNamespace = "time:[4026531834]"

const linuxBootId = (): string => {
  const boot = attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim())
  const time = attempt(() => readlinkSync("/proc/self/ns/time"))
  return boot === "" || time === "" || time === firstTimeNamespace ? boot : `${boot}+${time}`
}

const macBootId = (): string =>
  attempt(() => execFileSync("/usr/sbin/sysctl", ["-n", "kern.bootsessionuuid"], { encoding: "utf8", timeout: 2000 }).trim())

/** State and start time from /proc/<pid>/stat; the name in it may hold spaces and parentheses. Source: proc_pid_stat(5). */
export const parseProcStat = (text: string): { readonly state: string; readonly start: string } | undefined => {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const state = fields[0]
  const start = fields[19]
  return state === undefined || start === undefined ? undefined : { state, start }
}

const linuxLook = (pid: number | "self"): Seen | undefined => {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"))
  const stat = text === "" ? undefined : parseProcStat(text)
  if (stat === undefined) return undefined
  // A first thread that has ended shows as Z too while others of its process still work.
  const ended = stat.state === "X" || (stat.state === "Z" && attempt(() => readdirSync(`/proc/${pid}/task`).slice(1).join()) === "")
  return { start: stat.start, ended }
}

const parsePs = (output: string): Seen | undefined => {
  const match = /^(\S+)\s+(.+?)\s*$/m.exec(output)
  return match === null ? undefined : { start: match[2]!.replace(/\s+/g, " "), ended: match[1]!.startsWith("Z") }
}

const psArguments = (pid: number): ReadonlyArray<string> => ["-o", "stat=,lstart=", "-p", String(pid)]

const psEnvironment = { LC_ALL: "C", TZ: "UTC" }

const macLook = (pid: number): Effect.Effect<Seen | undefined> =>
  Effect.callback((resume) => {
    execFile("/bin/ps", [...psArguments(pid)], { encoding: "utf8", timeout: 2000, env: psEnvironment }, (error, stdout) => {
      resume(Effect.succeed(error === null ? parsePs(stdout) : undefined))
    })
  })

/** Whether the kernel has no process of that id in our namespace at all. */
const isMissing = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH"
  }
}

const identify = (): Omit<Holder, "sinceMs"> => {
  const common = { nonce: randomUUID(), host: hostname(), pid: process.pid }
  switch (process.platform) {
    case "linux":
      return {
        ...common,
        bootId: linuxBootId(),
        pidNamespace: attempt(() => readlinkSync("/proc/self/ns/pid")),
        processStart: linuxLook("self")?.start ?? ""
      }
    case "darwin":
      return {
        ...common,
        bootId: macBootId(),
        pidNamespace: "darwin",
        processStart: parsePs(
          attempt(() => execFileSync("/bin/ps", [...psArguments(process.pid)], { encoding: "utf8", timeout: 2000, env: psEnvironment }))
        )?.start ?? ""
      }
    default:
      return { ...common, bootId: "", pidNamespace: "", processStart: "" }
  }
}

/** The identity of this process; each call is another holder, told apart by its nonce. */
export const make = (): ProcessIdentityService => {
  const self = identify()
  // A /proc that was mounted for another PID namespace shows other processes under our numbers.
  const procIsOurs = process.platform !== "linux" || attempt(() => readlinkSync("/proc/self")) === String(process.pid)
  const seen = (pid: number): Effect.Effect<Seen | undefined> =>
    process.platform === "darwin" ? macLook(pid) : Effect.sync(() => procIsOurs ? linuxLook(pid) : undefined)

  const look = Effect.fnUntraced(function*(holder: Holder) {
    if (holder.nonce === self.nonce) return "alive"
    if (self.bootId === "" || self.pidNamespace === "" || holder.pid <= 0) return "unknown"
    if (holder.bootId !== self.bootId || holder.pidNamespace !== self.pidNamespace) return "unknown"
    const found = yield* seen(holder.pid)
    // Processes of other users may be hidden (hidepid); the kernel still answers for them.
    if (found === undefined) return isMissing(holder.pid) ? "dead" : "unknown"
    if (found.ended) return "dead"
    if (holder.processStart === "") return "unknown"
    return found.start === holder.processStart ? "alive" : "dead"
  })

  return { self, look, monotonicMs: () => Number(process.hrtime.bigint() / 1000n) / 1000 }
}

/** Replaces core's identity by that of this process. */
export const layer: Layer.Layer<never> = Layer.sync(ProcessIdentity, make)
