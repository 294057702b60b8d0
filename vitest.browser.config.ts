import { defineConfig } from "vitest/config"

// A real browser on real builds: `pnpm run browser`, after a build of the packages. Chromium comes from .ci/setup.
export default defineConfig({
  test: {
    include: ["{packages,integrations,examples}/*/test/**/*.browser.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 300_000
  }
})
