import { parseArgs } from "node:util"
import { placeholderNode } from "uniflow"

const { values } = parseArgs({ options: { only: { type: "string" } } })
console.log(`bench ${values.only ?? "all"}: ${placeholderNode}`)
