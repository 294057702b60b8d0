import { defineConfig } from "uniflow"
import { digits } from "./src/Digits.ts"

export default defineConfig({ pipelines: [digits], directory: ".uniflow" })
