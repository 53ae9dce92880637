/** Numbers in few characters: 163 k, 2.41 M, 950, 0.21. */
export function short(value: number | undefined): string {
  if (value === undefined) return '–'
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)} k`
  return value >= 10 ? value.toFixed(0) : value.toPrecision(2)
}

/** A round number at an axis: 1, 100 k, 1 M. */
export function tick(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`
  return value >= 1e3 ? `${value / 1e3} k` : `${value}`
}
