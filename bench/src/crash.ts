import { placeholderNode } from "uniflow"

console.log(`crash: ${placeholderNode}`)
