/** What is read of an AsyncAPI document; all of it may come from another program. */

export type JsonSchema = { readonly [keyword: string]: unknown }

export interface Reference {
  readonly $ref: string
}

export interface Operation {
  readonly action: string
  readonly channel: Reference
  readonly summary?: string
  readonly description?: string
  readonly messages?: readonly Reference[]
  readonly reply?: { readonly messages?: readonly Reference[] }
  readonly [key: string]: unknown
}

export interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string }
  readonly channels: Readonly<Record<string, { readonly address: string | null }>>
  readonly operations: Readonly<Record<string, Operation>>
  readonly components: {
    readonly messages: Readonly<
      Record<string, { readonly contentType?: string; readonly payload?: JsonSchema }>
    >
  }
  /** Stores by kind and name. */
  readonly 'x-contrail'?: Readonly<
    Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>
  >
}

/** The last part of a reference. */
export function nameIn({ $ref }: Reference): string {
  const part = $ref.slice($ref.lastIndexOf('/') + 1)
  return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
}
