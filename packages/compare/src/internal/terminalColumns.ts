/** How wide the terminal is, where there is a process with one. */
declare const process: { readonly stdout?: { readonly columns?: number } } | undefined

export const terminalColumns = (): number | undefined => (typeof process === "undefined" ? undefined : process?.stdout?.columns)
