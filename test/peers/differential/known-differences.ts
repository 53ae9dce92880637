/**
 * Where Contrail answers otherwise than nats-server on purpose. Each is still asserted: a case that no longer shows its
 * difference fails, and so does any other difference in it. The table is shown in docs/differential-testing.md.
 */
export interface KnownDifference {
  /** The names of the cases. */
  testCase: RegExp
  /** The paths that differ in them. */
  path: RegExp
  reason: string
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    testCase: /^filters count what is pending$/,
    path: /^\.ack_floor\.consumer_seq$/,
    reason:
      'after a purge by subject nats-server moves the ack floor past a message that is still to be acknowledged',
  },
]
