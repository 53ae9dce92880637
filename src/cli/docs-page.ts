/** An AsyncAPI document as one page of HTML, without scripts. */

interface Reference {
  $ref: string
}

interface Document {
  info: { title: string; version: string; description?: string }
  channels: Record<string, { address: string; parameters?: Record<string, object> }>
  operations: Record<
    string,
    {
      action: string
      channel: Reference
      description?: string
      messages: Reference[]
      reply?: { messages: Reference[] }
      [key: string]: unknown
    }
  >
  components: { messages: Record<string, { contentType: string; payload: object }> }
  'x-contrail'?: Record<string, Record<string, object>>
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
h1,h2{line-height:1.2}section{border-top:1px solid #d8dee4;padding:1rem 0}code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:#f6f8fa;padding:.75rem;border-radius:6px;overflow:auto}.tag{font-size:.8rem;border-radius:4px;padding:.1rem .5rem;margin-right:.5rem;color:#fff}
.receive{background:#1f6feb}.send{background:#1a7f37}table{border-collapse:collapse}td,th{text-align:left;padding:.25rem 1rem .25rem 0;vertical-align:top}`

export function docsPage(document: Document): string {
  const { info } = document
  const operations = Object.values(document.operations).map((operation) => section(document, operation))
  const stores = Object.entries(document['x-contrail'] ?? {}).map(([kind, entries]) =>
    storeTable(kind, entries),
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(info.title)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(info.title)} <small>${escaped(info.version)}</small></h1>
${info.description === undefined ? '' : `<p>${escaped(info.description)}</p>`}
<h2>Operations</h2>
${operations.join('\n')}
${stores.join('\n')}
</body></html>
`
}

function section(document: Document, operation: Document['operations'][string]): string {
  const channel = document.channels[nameIn(operation.channel)]
  const messages = operation.messages.map((reference) => {
    const message = document.components.messages[nameIn(reference)]
    return `<p>${escaped(message.contentType)}</p><pre>${escaped(JSON.stringify(message.payload, null, 2))}</pre>`
  })
  for (const reference of operation.reply?.messages ?? []) {
    const { payload } = document.components.messages[nameIn(reference)]
    messages.push(`<p>answer</p><pre>${escaped(JSON.stringify(payload, null, 2))}</pre>`)
  }
  const about = operation.description === undefined ? '' : `<p>${escaped(operation.description)}</p>`
  return `<section><h3><span class="tag ${escaped(operation.action)}">${escaped(operation.action)}</span><code>${escaped(
    channel.address,
  )}</code></h3>${about}${messages.join('')}</section>`
}

function storeTable(kind: string, entries: Record<string, object>): string {
  const rows = Object.entries(entries).map(
    ([name, what]) =>
      `<tr><th><code>${escaped(name)}</code></th><td><code>${escaped(JSON.stringify(what))}</code></td></tr>`,
  )
  return `<h2>${escaped(kind)}</h2><table>${rows.join('')}</table>`
}

/** The last part of a reference. */
function nameIn({ $ref }: Reference): string {
  const part = $ref.slice($ref.lastIndexOf('/') + 1)
  return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
}

function escaped(text: string): string {
  return text.replace(
    /[&<>"]/g,
    (mark) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[mark] as string,
  )
}
