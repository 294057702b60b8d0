/** Long lists a part at a time: a page with 12,000 metrics stays quick. */
import { formatNumber } from "@uniflow/compare"
import { type ReactNode, useState } from "react"
import { Button } from "./Button.tsx"

/** The first of them, and a button for more; null where all are shown. */
export const useSome = <A,>(items: ReadonlyArray<A>, first: number): readonly [shown: ReadonlyArray<A>, more: ReactNode] => {
  const [most, setMost] = useState(first)
  const left = items.length - most
  return [
    left > 0 ? items.slice(0, most) : items,
    left > 0 ? <Button onClick={() => setMost(most + first * 5)}>{`Show ${formatNumber(Math.min(left, first * 5))} more of ${formatNumber(items.length)}`}</Button> : null
  ]
}
