/**
 * Which kills are tried: at every fault point, and at moments drawn from a seed.
 *
 * A session works on one place: it is killed once or several times, each time by one of these, then left to finish.
 */
import type { Fault } from "./ChildRequest.ts"
import type { SystemCall } from "./SystemCalls.ts"

/** What is done to a process: a kill at a fault point by itself, shortly after one from outside, some time after the work began, or at a system call. */
export type Kill =
  | { readonly at: "point"; readonly fault: Fault }
  | { readonly at: "after"; readonly fault: Fault; readonly delayMs: number }
  | { readonly at: "moment"; readonly delayMs: number }
  | { readonly at: "call"; readonly call: SystemCall }
  /** No kill: the disk is full at the fault point, and has room again for the next process. */
  | { readonly at: "full"; readonly fault: Fault }

export type Session = ReadonlyArray<Kill>

/** Numbers from 0 to 1 out of a seed. Generator: mulberry32. */
export const randomOf = (seed: number): () => number => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** How often each point was passed. */
export type Passings = ReadonlyMap<string, number>

export const passingsOf = (trace: string): Passings => {
  const passings = new Map<string, number>()
  for (const point of trace.split("\n")) if (point !== "") passings.set(point, (passings.get(point) ?? 0) + 1)
  return passings
}

/** Some of the numbers from 1 to `count`, the first and the last among them, evenly spread. */
export const spread = (count: number, wanted: number): ReadonlyArray<number> =>
  wanted >= count
    ? Array.from({ length: count }, (_, i) => i + 1)
    : [...new Set(Array.from({ length: wanted }, (_, i) => 1 + Math.round((i * (count - 1)) / Math.max(1, wanted - 1))))]

/** One kill for some passings of every point. */
export const everyPoint = (passings: Passings, perPoint: number): ReadonlyArray<Kill> =>
  [...passings].flatMap(([point, count]) => spread(count, perPoint).map((nth): Kill => ({ at: "point", fault: { point, nth, action: "kill" } })))

/** A full disk for some passings of every given point. */
export const fullDisks = (passings: Passings, perPoint: number): ReadonlyArray<Kill> =>
  [...passings].flatMap(([point, count]) => spread(count, perPoint).map((nth): Kill => ({ at: "full", fault: { point, nth, action: "full" } })))

/** A kill at random: at any moment, or within 3 ms after some fault point (so inside what follows it). */
export const randomKill = (random: () => number, passings: Passings, workMs: number): Kill => {
  if (random() < 0.5) return { at: "moment", delayMs: random() * workMs }
  const points = [...passings]
  const [point, count] = points[Math.floor(random() * points.length)]!
  return { at: "after", fault: { point, nth: 1 + Math.floor(random() * count), action: "tell" }, delayMs: random() * random() * 3 }
}

/** A kill in words. */
export const describe = (kill: Kill): string =>
  kill.at === "point"
    ? `${kill.fault.point}#${kill.fault.nth}`
    : kill.at === "call"
    ? `${kill.call.name}#${kill.call.nth}`
    : kill.at === "full"
    ? `disk full at ${kill.fault.point}#${kill.fault.nth}`
    : kill.at === "after"
    ? `${kill.fault.point}#${kill.fault.nth} + ${kill.delayMs.toFixed(2)} ms`
    : `${kill.delayMs.toFixed(0)} ms`
