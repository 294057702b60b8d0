export * from "@uniflow/compare"
export * from "@uniflow/core"
export * from "@uniflow/node"
