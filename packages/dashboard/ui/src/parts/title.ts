/** What a page is called in tabs, in the history and by screen readers. */
import { useEffect } from "react"

/** Names the page as long as it is shown. */
export const useTitle = (name: string): void => {
  useEffect(() => {
    document.title = `${name} – UniFlow`
  }, [name])
}
