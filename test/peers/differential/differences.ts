/** Where two values differ. */
export interface Difference {
  /** From the root, in the manner of jq: `.config.subjects[0]`. */
  path: string
  real: string
  ours: string
}

/** How much of a value is shown, in characters. */
const SHOWN_LENGTH = 300

/** One entry for each path at which the values are not the same. The order of keys doesn't count. */
export function differences(real: unknown, ours: unknown, path = ''): Difference[] {
  if (Object.is(real, ours)) return []
  const areObjects = typeof real === 'object' && typeof ours === 'object' && real !== null && ours !== null
  if (!areObjects || Array.isArray(real) !== Array.isArray(ours)) {
    return [{ path, real: show(real), ours: show(ours) }]
  }
  const isArray = Array.isArray(real)
  const keys = new Set([...Object.keys(real), ...Object.keys(ours)])
  return [...keys].flatMap((key) => {
    const left = (real as Record<string, unknown>)[key]
    const right = (ours as Record<string, unknown>)[key]
    return differences(left, right, isArray ? `${path}[${key}]` : `${path}.${key}`)
  })
}

function show(value: unknown): string {
  if (value === undefined) return '(missing)'
  const text = JSON.stringify(value)
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}… (${text.length} characters)` : text
}
