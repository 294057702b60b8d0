export * from "./Capability.ts"
export * from "./RunStoreSuite.ts"
