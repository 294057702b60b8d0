#!/usr/bin/env node
import { placeholderNode } from "@uniflow/node"

console.log(`uniflow: ${placeholderNode}`)
