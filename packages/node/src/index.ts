export * as FileArtifactStore from "./FileArtifactStore.ts"
export * as NodeHasher from "./NodeHasher.ts"
export * as NodeProcessIdentity from "./NodeProcessIdentity.ts"
export * as UniflowDirectory from "./UniflowDirectory.ts"
