import type { NextConfig } from "next"

const { env } = process

// An application of yours needs none of this for the page: it is here so that the tests can build it as it is deployed in many ways.
const config: NextConfig = {
  ...env["BASE_PATH"] === undefined ? {} : { basePath: env["BASE_PATH"] },
  ...env["DIST_DIR"] === undefined ? {} : { distDir: env["DIST_DIR"] },
  ...env["STANDALONE"] === "true" ? { output: "standalone" } : {},
  cacheComponents: env["CACHE_COMPONENTS"] === "true",
  trailingSlash: env["TRAILING_SLASH"] === "true"
}

export default config
