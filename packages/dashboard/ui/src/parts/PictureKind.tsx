/** Which picture of the runs stands over their table. */
const kinds: ReadonlyArray<readonly [value: string, label: string]> = [["", "Curves"], ["scatter", "Scatter"], ["parallel", "Parallel coordinates"]]

export const PictureKind = ({ onChange, value }: { readonly value: string; readonly onChange: (value: string) => void }) => (
  <fieldset className="mb-3 flex w-fit rounded border border-line text-small">
    <legend className="sr-only">Picture of the runs</legend>
    {kinds.map(([kind, label]) => (
      <label key={kind} className={`flex min-h-7 cursor-pointer items-center border-line px-2.5 not-first-of-type:border-l has-focus-visible:outline-2 has-focus-visible:outline-accent ${value === kind ? "bg-band font-semibold" : "text-soft hover:text-ink"}`}>
        <input type="radio" name="picture" className="sr-only" checked={value === kind} onChange={() => onChange(kind)} />{label}
      </label>
    ))}
  </fieldset>
)
