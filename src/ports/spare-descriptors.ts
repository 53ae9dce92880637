/**
 * File descriptors kept for the store's own files. When the process has no more of them (sockets take them all), opening a
 * file gives one of these up first, so that what is on disk stays readable; it is taken back when there are some again.
 */
import * as fs from 'node:fs'
import { devNull } from 'node:os'

/** Enough for the documents and indexes that a request touches, and the files that a checkpoint writes. */
const SPARES = 16

const spares: number[] = []
/** Stores that are open. */
let users = 0

/** A store is opened: from here on descriptors are held back. Returns what gives them up. */
export function keepSpareDescriptors(): () => void {
  users++
  refill()
  let isKept = true
  return () => {
    if (!isKept) return
    isKept = false
    if (--users === 0) while (spares.length > 0) fs.closeSync(spares.pop() as number)
  }
}

/** Does what opens a file, again with a spare descriptor when there was none. */
export function openingSync<T>(open: () => T): T {
  for (;;) {
    try {
      const opened = open()
      if (users > 0 && spares.length < SPARES) refill()
      return opened
    } catch (error) {
      if (!giveOne(error)) throw error
    }
  }
}

/** The same for what opens a file later. */
export async function opening<T>(open: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      const opened = await open()
      if (users > 0 && spares.length < SPARES) refill()
      return opened
    } catch (error) {
      if (!giveOne(error)) throw error
    }
  }
}

function giveOne(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  const spare = code === 'EMFILE' || code === 'ENFILE' ? spares.pop() : undefined
  if (spare === undefined) return false
  fs.closeSync(spare)
  return true
}

function refill(): void {
  try {
    while (spares.length < SPARES) spares.push(fs.openSync(devNull, 'r'))
  } catch {
    // None to be had now: asked for again with the next file.
  }
}
