export * as PostgresArtifactStore from "./PostgresArtifactStore.ts"
export * as PostgresDriver from "./PostgresDriver.ts"
export * as PostgresRunStore from "./PostgresRunStore.ts"
export * as PostgresStores from "./PostgresStores.ts"
