/** A part of a page under its own heading, which it can be found by. */
import { type ReactNode, useId } from "react"

export const Section = ({ aside, children, title }: { readonly title: string; readonly aside?: ReactNode; readonly children: ReactNode }) => {
  const id = useId()
  return (
    <section aria-labelledby={id} className="min-w-0">
      <div className="mb-2 flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h2 id={id} className="font-semibold">{title}</h2>
        {aside === undefined ? null : <div className="text-small text-soft">{aside}</div>}
      </div>
      {children}
    </section>
  )
}

/** Names and values under each other. */
export const Facts = ({ rows }: { readonly rows: ReadonlyArray<readonly [name: string, value: ReactNode]> }) => (
  <dl className="grid grid-cols-[minmax(5rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-1 text-small">
    {rows.map(([name, value]) => (
      <div key={name} className="contents">
        <dt className="break-words text-soft">{name}</dt>
        <dd className="min-w-0 break-words">{value}</dd>
      </div>
    ))}
  </dl>
)
