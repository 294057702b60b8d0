export type { AccessOptions, Action, Authorize, Principal } from "./Access.ts"
export * from "./Api.ts"
export type { Asset, Assets } from "./Assets.ts"
export * as Dashboard from "./Dashboard.ts"
