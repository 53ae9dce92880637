/** Headers by name as Go writes a map: sorted. The values of a name are in the order in which they came. */
export function headerValues(
  lines: Iterable<readonly [name: string, value: string]>,
): Record<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [name, value] of lines) {
    const values = found.get(name)
    if (values === undefined) found.set(name, [value])
    else values.push(value)
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}
