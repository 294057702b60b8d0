/**
 * Kills at single system calls, by strace: inside of what no fault point can reach, such as a commit of SQLite.
 *
 * strace (Linux; not part of this package) counts each kind of call of each thread and sends SIGKILL when the n-th one
 * is made.
 */

/** Everything by which a file or a folder is changed. */
const CALLS = ["pwrite64", "pwritev", "writev", "fsync", "fdatasync", "ftruncate", "rename", "link", "unlink", "mkdir", "utimensat"] as const

export interface SystemCall {
  readonly name: string
  readonly nth: number
}

/** What to put before a command so that its calls are listed in a file. */
export const listing = (file: string): ReadonlyArray<string> => ["strace", "-f", "-qq", "-o", file, "-e", `trace=${CALLS.join(",")}`]

/** What to put before a command so that it is killed at a call. */
export const killing = ({ name, nth }: SystemCall): ReadonlyArray<string> => [
  "strace",
  "-f",
  "-qq",
  "-o",
  "/dev/null",
  "-e",
  `trace=${name}`,
  "-e",
  `inject=${name}:signal=KILL:when=${nth}`
]

/** Every call of the busiest thread of each kind, in what `listing` wrote. */
export const callsOf = (listed: string): ReadonlyArray<SystemCall> => {
  const counts = new Map<string, Map<string, number>>()
  for (const line of listed.split("\n")) {
    const [, thread, name] = /^(\d+)\s+([a-z0-9]+)\(/.exec(line) ?? []
    if (thread === undefined || name === undefined) continue
    const threads = counts.get(name) ?? new Map<string, number>()
    counts.set(name, threads.set(thread, (threads.get(thread) ?? 0) + 1))
  }
  return [...counts].flatMap(([name, threads]) => Array.from({ length: Math.max(...threads.values()) }, (_, i) => ({ name, nth: i + 1 })))
}
