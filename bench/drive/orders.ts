/** Messages as an application has them: JSON of some 300 to 600 bytes, no two the same. */

const WORDS = 'gift express fragile return regular weekend invoice pickup urgent sample'.split(' ')

/** The same each time. */
export function orders(count: number): Buffer[] {
  let state = 1
  const below = (bound: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  return Array.from({ length: count }, (_, i) => {
    const customer = below(50_000)
    const order = {
      id: `ord-${below(2 ** 31).toString(36)}-${i}`,
      customer: { id: customer, name: `Customer ${customer}`, email: `customer${customer}@example.com` },
      placedAt: new Date(1_700_000_000_000 + i * 137).toISOString(),
      lines: Array.from({ length: 1 + below(5) }, () => ({
        sku: `SKU-${10_000 + below(90_000)}`,
        quantity: 1 + below(9),
        price: below(100_000) / 100,
      })),
      note: Array.from({ length: 2 + below(6) }, () => WORDS[below(WORDS.length)]).join(' '),
      trace: `${below(2 ** 31).toString(16)}${below(2 ** 31).toString(16)}`,
    }
    return Buffer.from(JSON.stringify(order))
  })
}
