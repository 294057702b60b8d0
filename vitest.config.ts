import { defaultServerConditions } from "vite"
import { defineConfig } from "vitest/config"

// Tests run against sources: the "uniflow-source" condition leads every workspace import to its src/ folder,
// in this process (resolve) and in what Node itself imports or a test forks (execArgv).
const conditions = ["uniflow-source", ...defaultServerConditions]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ["uniflow-source", "node", "module-sync"] } },
  test: {
    include: ["{packages,integrations,examples}/*/test/**/*.test.{ts,tsx}"],
    pool: "forks",
    execArgv: ["--conditions=uniflow-source"],
    testTimeout: 20_000
  }
})
