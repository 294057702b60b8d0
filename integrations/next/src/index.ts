export * from "./UniflowRoute.ts"
