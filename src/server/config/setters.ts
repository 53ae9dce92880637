/** Entries of a table of keys, by the type of their value. */
import type { Launch } from '../launch.ts'
import type { KeyTable } from './reader.ts'

export type Key = KeyTable<Launch>[string]

export const text =
  (set: (launch: Launch, value: string) => void): Key =>
  (launch, entry, reader) =>
    set(launch, reader.string(entry))

export const toggle =
  (set: (launch: Launch, value: boolean) => void): Key =>
  (launch, entry, reader) =>
    set(launch, reader.boolean(entry))

/** nats-server takes 0 for what was not said. */
export const number =
  (set: (launch: Launch, value: number | undefined) => void): Key =>
  (launch, entry, reader) =>
    set(launch, reader.integer(entry) || undefined)

/** Milliseconds. */
export const duration =
  (set: (launch: Launch, value: number | undefined) => void): Key =>
  (launch, entry, reader) =>
    set(launch, reader.durationMs(entry) || undefined)

/** Known, checked for its type, and without anything to change on one node. */
export const noMatter = {
  text: text(() => {}),
  toggle: toggle(() => {}),
  number: number(() => {}),
}
