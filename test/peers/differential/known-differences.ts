/**
 * Where Contrail answers otherwise than nats-server, and why. Each is still asserted: a case that no longer shows its
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
    testCase: /^a maximum counts what comes from another account$/,
    path: /^\[2\]$/,
    reason: 'nats-server forgets the maximum of UNSUB for what a subscription gets from another account',
  },
  {
    testCase: /^filters count what is pending$/,
    path: /^\.ack_floor\.consumer_seq$/,
    reason:
      'after a purge by subject nats-server moves the ack floor past a message that is still to be acknowledged',
  },
  {
    testCase: /^consumer names that are not allowed$/,
    path: /^\.error\.(code|err_code|description)$/,
    reason: 'nats-server fails in its file system on long names, we refuse them by their length',
  },
  {
    testCase: /^resetting a consumer$/,
    path: /^/,
    reason: 'nats-server does not answer a reset of a consumer that is not there',
  },
  {
    testCase: /^sourcing into a stream that nobody is interested in$/,
    path: /^\.sources\[0\]\.seq$/,
    reason: 'nats-server does not keep how far a source has come where nothing was kept',
  },
  {
    testCase: /^a marker for which a full stream has no room$/,
    path: /^\.(state\.|total$)/,
    reason:
      'nats-server keeps a message whose time is over where its marker is refused, here the marker gets the room of the message',
  },
]
