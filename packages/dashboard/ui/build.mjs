// Builds the web UI and puts its files into one JavaScript module, dist/uiFiles.js: no server has to find them on a disk.
import { createHash } from "node:crypto"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import tailwindcss from "@tailwindcss/vite"
import react from "@vitejs/plugin-react"
import { build, defaultClientConditions } from "vite"

const root = fileURLToPath(new URL(".", import.meta.url))
const outDir = join(root, "../dist/ui")

const types = { ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2" }

await build({
  root,
  base: "./",
  configFile: false,
  logLevel: "warn",
  resolve: { conditions: ["uniflow-source", ...defaultClientConditions] },
  plugins: [react(), tailwindcss()],
  build: { outDir, emptyOutDir: true, assetsDir: "assets", target: "es2023", modulePreload: { polyfill: false }, assetsInlineLimit: 0 }
})

const files = {}
let initial = 0
const page = readFileSync(join(outDir, "index.html"), "utf8")
for (const name of readdirSync(join(outDir, "assets"))) {
  const bytes = readFileSync(join(outDir, "assets", name))
  const gzip = gzipSync(bytes, { level: 9 })
  if (page.includes(`assets/${name}`) && name.endsWith(".js")) initial += gzip.length
  files[name] = { type: types[extname(name)] ?? "application/octet-stream", gzip: gzip.toString("base64") }
}
const hash = createHash("sha256").update(page).digest("hex").slice(0, 8)
writeFileSync(join(root, "../dist/uiFiles.js"), `// The built web UI, ${hash}.\nconst files = ${JSON.stringify({ page, files })}\nexport const load = async () => files\n`)
console.log(`initial JavaScript: ${(initial / 1000).toFixed(1)} kB gzipped`)
