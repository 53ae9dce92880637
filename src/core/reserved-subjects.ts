const RESERVED_SUBJECTS = ['_GR_.', '$NRG.'] as const
const RESERVED_REPLIES = ['_R_.', '$JS.ACK.', '_GR_.'] as const

/** Is it a subject that no client may publish to? (`$NRG.` is left to the system account.) */
export function isReservedSubject(subject: Buffer, start: number, end: number, isSystem: boolean): boolean {
  const c = subject[start]
  if (c === 95) return startsWith(subject, start, end, RESERVED_SUBJECTS[0])
  return c === 36 && !isSystem && startsWith(subject, start, end, RESERVED_SUBJECTS[1])
}

/** Is it a reply subject that no client may ask for? */
export function isReservedReply(reply: Buffer, start: number, end: number): boolean {
  const c = reply[start]
  if (c !== 95 && c !== 36) return false
  for (const prefix of RESERVED_REPLIES) if (startsWith(reply, start, end, prefix)) return true
  return false
}

/** Longer than the prefix, and beginning with it. */
function startsWith(buffer: Buffer, start: number, end: number, prefix: string): boolean {
  if (end - start <= prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (buffer[start + i] !== prefix.charCodeAt(i)) return false
  return true
}
