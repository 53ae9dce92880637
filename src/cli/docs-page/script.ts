/**
 * What the page does by itself: it looks for words among the entries (kept in the address, `#?words`, so that a search can be sent
 * on), and changes between light and dark. Without scripts all is there, and unfolds.
 */
export const SCRIPT = `
const root = document.documentElement
const field = document.querySelector('#search')
const entries = [...document.querySelectorAll('article')].map((article) => ({
  article,
  link: document.querySelector('nav a[href="#' + article.id + '"]').parentElement,
  text: article.textContent.toLowerCase(),
}))
const groups = [...document.querySelectorAll('main > section, nav > div')]
const none = document.querySelector('.none')

function show() {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean)
  let shown = 0
  for (const { article, link, text } of entries) {
    const isFound = words.every((word) => text.includes(word))
    article.hidden = link.hidden = !isFound
    if (isFound) shown++
  }
  for (const group of groups) group.hidden = group.querySelector('article:not([hidden]), li:not([hidden])') === null
  none.hidden = shown > 0
}

function readAddress() {
  if (!location.hash.startsWith('#?')) return
  field.value = decodeURIComponent(location.hash.slice(2))
  show()
}

field.parentElement.hidden = false
field.addEventListener('input', () => {
  history.replaceState(null, '', field.value === '' ? location.pathname + location.search : '#?' + encodeURIComponent(field.value))
  show()
})
addEventListener('hashchange', readAddress)
addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target === field) return
  event.preventDefault()
  field.focus()
})
readAddress()

const theme = document.querySelector('#theme')
theme.hidden = false
const isDark = () => (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark'
const choose = (name) => {
  root.dataset.theme = name
  theme.setAttribute('aria-pressed', String(name === 'dark'))
}
try {
  const kept = localStorage.getItem('theme')
  if (kept === 'dark' || kept === 'light') choose(kept)
} catch {}
theme.addEventListener('click', () => {
  choose(isDark() ? 'light' : 'dark')
  try {
    localStorage.setItem('theme', root.dataset.theme)
  } catch {}
})
`
