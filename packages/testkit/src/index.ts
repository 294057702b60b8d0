export * from "./ArtifactStoreSuite.ts"
export * from "./Capability.ts"
export * from "./MountSuite.ts"
export * from "./RunStoreSuite.ts"
