import { placeholderNode } from "uniflow"

console.log(`digits: ${placeholderNode}, on Node ${process.versions.node}`)
