/** When something was: how long ago, with the exact time behind it. */
import { formatDuration, formatTime } from "@uniflow/compare"
import { useEffect, useState } from "react"

/** The present time, told again every `everyMs`. */
export const useNow = (everyMs: number): number => {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

const agoText = (ms: number): string => (ms < 60_000 ? "just now" : `${formatDuration(ms).replace(/ \d+ s$/, "").replace(/^(\d+ [hd]) .*$/, "$1")} ago`)

export const When = ({ atMs }: { readonly atMs: number }) => {
  const now = useNow(30_000)
  const exact = `${formatTime(atMs)} UTC`
  return <time className="whitespace-nowrap" dateTime={exact.slice(0, -4).replace(" ", "T") + "Z"} title={exact}>{agoText(now - atMs)}</time>
}
