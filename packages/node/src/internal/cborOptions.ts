import { defaultEncodeOptions } from "cbor2/encoder"

/** How cbor2 writes for us: shortest floats, bigints always as bignums (a small one must not become a number), text that is not UTF-8 under tag 273. */
export const cborOptions: typeof defaultEncodeOptions = { ...defaultEncodeOptions, collapseBigInts: false, wtf8: true }
