import type { ButtonHTMLAttributes } from "react"

/** The one look of buttons; at least 24 pixels high, as WCAG 2.5.8 asks. */
export const Button = ({ className = "", tone = "plain", ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & { readonly tone?: "plain" | "bad" }) => (
  <button
    type="button"
    {...rest}
    className={`min-h-7 whitespace-nowrap rounded border px-2.5 py-0.5 text-small disabled:opacity-50 ${tone === "bad" ? "border-bad/50 text-bad hover:bg-bad/10" : "border-line hover:bg-band"} ${className}`}
  />
)
