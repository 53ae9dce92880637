/** Every path of keys, with the type of what is there; of a list all members together. */
export function shape(value: unknown, path = '', into = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const each of value) shape(each, `${path}[]`, into)
  else if (typeof value === 'object' && value !== null)
    for (const [key, each] of Object.entries(value)) shape(each, `${path}.${key}`, into)
  else into.add(`${path} ${value === null ? 'null' : typeof value}`)
  return into
}
