export * as PostgresDriver from "./PostgresDriver.ts"
export * as PostgresRunStore from "./PostgresRunStore.ts"
