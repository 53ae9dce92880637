/** An AsyncAPI document as one page of HTML that needs nothing else: contents, search, light and dark. */
import { createHash } from 'node:crypto'
import type { Document } from './document.ts'
import { escaped } from './html.ts'
import { type Entry, operationEntries } from './operations.ts'
import { SCRIPT } from './script.ts'
import { storeGroups } from './stores.ts'
import { STYLE } from './style.ts'

interface Group {
  readonly title: string
  readonly entries: readonly Entry[]
}

/** Only this page's own style and script, named by their hashes, are let in; nothing is fetched, framed or sent. */
const POLICY = [
  "default-src 'none'",
  `style-src ${hashOf(STYLE)}`,
  `script-src ${hashOf(SCRIPT)}`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

export function docsPage(document: Document): string {
  const { info } = document
  const groups: Group[] = [
    { title: 'Handlers', entries: operationEntries(document, 'receive') },
    { title: 'Publishers', entries: operationEntries(document, 'send') },
    ...storeGroups(document),
  ].filter(({ entries }) => entries.length > 0)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escaped(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(info.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<div class="page">
<nav aria-label="Contents">
<label hidden><input id="search" type="search" placeholder="Search (/)" aria-label="Search"></label>
${groups.map(contents).join('\n')}
</nav>
<main>
<header>
<h1>${escaped(info.title)} <small>${escaped(info.version)}</small></h1>
<button id="theme" type="button" aria-label="Dark" hidden>◐</button>
</header>
${info.description === undefined ? '' : `<p>${escaped(info.description)}</p>`}
<p class="none" hidden>Nothing here has all of these words.</p>
${groups.map(section).join('\n')}
</main>
</div>
<script>${SCRIPT}</script>
</body>
</html>
`
}

function contents({ title, entries }: Group): string {
  const links = entries.map(({ id, name }) => `<li><a href="#${escaped(id)}">${escaped(name)}</a></li>`)
  return `<div><h2>${escaped(title)}</h2><ul>${links.join('')}</ul></div>`
}

function section({ title, entries }: Group): string {
  const articles = entries.map(({ id, html }) => `<article id="${escaped(id)}">${html}</article>`)
  return `<section><h2>${escaped(title)}</h2>${articles.join('\n')}</section>`
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
