/** How a figure went, in a line without axes. */
export const Sparkline = ({ label, values }: { readonly values: ReadonlyArray<number>; readonly label: string }) => {
  const [width, height, edge] = [120, 28, 3]
  if (values.length < 2) return <span aria-hidden="true" className="inline-block h-7 w-30" />
  const low = Math.min(...values)
  const high = Math.max(...values)
  const at = (value: number, n: number): readonly [number, number] => [
    edge + (n * (width - 2 * edge)) / (values.length - 1),
    high === low ? height / 2 : height - edge - ((value - low) * (height - 2 * edge)) / (high - low)
  ]
  const points = values.map(at)
  const [x, y] = points.at(-1)!
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${width} ${height}`} className="h-7 w-30 text-accent">
      <polyline points={points.map((point) => point.map((one) => one.toFixed(1)).join(",")).join(" ")} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" strokeLinecap="round" />
      <circle cx={x} cy={y} r="2.5" fill="currentColor" />
    </svg>
  )
}
