/**
 * The crash harness: kills real processes that work on a store, at every fault point and at random moments, and shows
 * that nothing that was recorded is lost, done again or torn, and that the end is the same.
 *
 * `crash` does it all for a target; portraits of runs serve tests of one's own.
 */
export type { Violation } from "./CrashChecks.ts"
export * from "./CrashHarness.ts"
export * from "./CrashTarget.ts"
export * as RunPortrait from "./RunPortrait.ts"
