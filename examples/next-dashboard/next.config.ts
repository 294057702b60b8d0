import type { NextConfig } from "next"

const packages = ["uniflow", "@uniflow/next", "@uniflow/node", "@uniflow/code"]

const config: NextConfig = {
  serverExternalPackages: packages,
  // In this repository the packages are links, which Next.js takes for sources of the application. Installed ones need the line above alone.
  webpack: (webpack, { isServer }) => {
    if (isServer) webpack.externals.push(Object.fromEntries(packages.map((name) => [name, `module ${name}`])))
    return webpack
  },
  ...process.env["BASE_PATH"] === undefined ? {} : { basePath: process.env["BASE_PATH"] },
  trailingSlash: process.env["TRAILING_SLASH"] === "true"
}

export default config
