/** Errors that are not to be tried again. */

/**
 * Thrown by a handler of a stream's message that no try will ever be able to handle: it is given up at once, and goes to the dead
 * letters where there are some, with this reason.
 */
export class Reject extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'Reject'
  }
}
