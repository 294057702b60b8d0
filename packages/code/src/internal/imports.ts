/**
 * What a source file pulls in besides other source files: JSON, texts, assets, generated code in hidden folders.
 *
 * Read by pattern, not by parsing: one specifier too many costs nothing, since only files that exist count.
 */
import { existsSync, statSync } from "node:fs"
import { dirname, extname, join, resolve } from "node:path"

/** Extensions that are sources by themselves, wherever they stand in the project. */
export const sourceExtensions: ReadonlySet<string> = new Set([".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"])

const pattern =
  /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire(?:\.resolve)?\s*\(\s*|\bnew\s+URL\s*\(\s*)(?:\/\*[^*]*\*\/\s*)?(["'`])((?:\.{1,2}\/|@\/|~\/|#)[^"'`\n]+)\1/g

const specifiersIn = (source: string): ReadonlySet<string> =>
  new Set(Array.from(source.matchAll(pattern), ([, , written]) => written!.replace(/[?#].*$/, (rest, at: number) => at === 0 ? rest : "")))

/** The relative paths that a source file imports. */
export const relativeSpecifiers = (source: string): ReadonlyArray<string> => [...specifiersIn(source)].filter((specifier) => specifier.startsWith("."))

/** The files that a source file imports by a relative path, sources and others. */
export const importedFiles = (path: string, source: string): ReadonlyArray<string> =>
  [...specifiersIn(source)].flatMap((specifier) => {
    const found = specifier.startsWith(".") ? resolveSource(resolve(dirname(path), specifier)) : undefined
    return found === undefined ? [] : [found]
  })

/** The specifiers in a source file that may lead to files which are no sources of the project by themselves. */
export const foreignSpecifiers = (path: string, source: string): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const specifier of specifiersIn(source)) {
    const isSource = sourceExtensions.has(extname(specifier))
    const isHidden = /(?:^|\/)\.(?!\.?\/)[^/]/.test(specifier)
    if (isHidden || (!isSource && !(specifier.startsWith(".") && leadsToSource(resolve(dirname(path), specifier))))) found.add(specifier)
  }
  return [...found].sort()
}

const isFile = (path: string): boolean => {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The source file that a specifier without its true extension leads to: `./a` and `./a.js` may both be a.ts. */
export const resolveSource = (target: string): string | undefined => {
  if (isFile(target)) return target
  const extension = extname(target)
  const bare = sourceExtensions.has(extension) ? target.slice(0, -extension.length) : target
  for (const base of [bare, join(target, "index")]) {
    for (const candidate of sourceExtensions) {
      if (isFile(base + candidate)) return base + candidate
    }
  }
  return undefined
}

const leadsToSource = (target: string): boolean => {
  const found = resolveSource(target)
  return found !== undefined && sourceExtensions.has(extname(found))
}

/** The existing files that a specifier of a file may mean; aliases are tried where projects usually point them. */
export const resolveForeign = (path: string, specifier: string, root: string): ReadonlyArray<string> => {
  const targets = specifier.startsWith(".")
    ? [resolve(dirname(path), specifier)]
    : aliasBases(dirname(path), root).map((base) => join(base, specifier.replace(/^(?:@\/|~\/|#\/?)/, "")))
  return targets.flatMap((target) => [target, `${target}.json`].filter(isFile))
}

const aliasBases = (folder: string, root: string): ReadonlyArray<string> => {
  const bases = [root, join(root, "src")]
  for (let at = folder; at.startsWith(root) && at !== root; at = dirname(at)) {
    if (existsSync(join(at, "package.json"))) bases.push(at, join(at, "src"))
  }
  return bases
}
