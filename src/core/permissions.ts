/** What a user may do. Subjects are latin1 text or bytes of UTF-8; nothing here keeps the bytes. */
export interface Permissions {
  /** May it answer what it gets, though it may not publish there? Null: no. */
  readonly responses: { readonly max: number; readonly ttlMs: number } | null
  /** As `$SYS.REQ.USER.INFO` shows it. */
  describe?(): Record<string, unknown>
  mayPublish(subject: Buffer, start: number, end: number): boolean
  /** `queue` is '' for none. */
  maySubscribe(subject: string, queue: string): boolean
  /** May a subscription that is allowed get what the user may not see, so that `mayReceive` has to be asked? */
  isFiltered(subject: string, queue: string): boolean
  /** Asked at delivery, for what a wider subscription lets through. */
  mayReceive(subject: Buffer, start: number, end: number, queue: string): boolean
}
