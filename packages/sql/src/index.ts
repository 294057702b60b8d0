/** UniFlow's run store for SQL databases. */
export * as GroupCommit from "./GroupCommit.ts"
export * as Migrations from "./Migrations.ts"
export * from "./SqlDriver.ts"
export * as SqlRunStore from "./SqlRunStore.ts"
