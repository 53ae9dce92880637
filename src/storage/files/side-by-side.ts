/** Does some of the work at a time, for as long as nothing fails. When this settles nothing of it is under way any more. */
export async function sideBySide<T>(
  items: readonly T[],
  atATime: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  for (let i = 0; i < items.length; i += atATime) {
    const outcomes = await Promise.allSettled(items.slice(i, i + atATime).map(work))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }
}
