export * as NodeHasher from "./NodeHasher.ts"
export * as NodeProcessIdentity from "./NodeProcessIdentity.ts"
