/** The monitoring's first page: links to the others. */
import { COMPATIBLE_VERSION, CONTRAIL_VERSION } from '../versions.ts'

const pages: readonly (readonly [string, string])[] = [
  ['varz', 'General'],
  ['jsz', 'JetStream'],
  ['connz', 'Connections'],
  ['accountz', 'Accounts'],
  ['accstatz', 'Account Stats'],
  ['subsz', 'Subscriptions'],
  ['routez', 'Routes'],
  ['leafz', 'LeafNodes'],
  ['gatewayz', 'Gateways'],
  ['healthz', 'Health Probe'],
  ['metrics', 'Prometheus'],
]

export function rootPage(): string {
  const links = pages.map(
    ([path, title]) => `    <li><a href="./${path}">${title}</a> <code>/${path}</code></li>`,
  )
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Contrail</title>
    <style>body { font-family: ui-sans-serif, system-ui, sans-serif; margin: 2rem } li { padding: 0.2rem }</style>
  </head>
  <body>
    <h1>Contrail ${CONTRAIL_VERSION}</h1>
    <p>Serves what nats-server ${COMPATIBLE_VERSION} serves.</p>
    <ul>
${links.join('\n')}
    </ul>
  </body>
</html>
`
}
