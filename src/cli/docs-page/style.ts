/** How the page looks: light and dark as the reader's system is, or as chosen by the button. */
export const STYLE = `
:root{color-scheme:light;--paper:#fff;--ink:#1b1f24;--faint:#59636e;--line:#d8dee4;--panel:#f6f8fa;--link:#0a58ca;--receive:#1f5fbf;--send:#1a7f37;--mark:#8250df}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;--paper:#0d1117;--ink:#e6edf3;--faint:#9198a1;--line:#30363d;--panel:#161b22;--link:#58a6ff;--receive:#388bfd;--send:#3fb950;--mark:#d2a8ff}}
:root[data-theme=dark]{color-scheme:dark;--paper:#0d1117;--ink:#e6edf3;--faint:#9198a1;--line:#30363d;--panel:#161b22;--link:#58a6ff;--receive:#388bfd;--send:#3fb950;--mark:#d2a8ff}
*{box-sizing:border-box}
body{margin:0;font:16px/1.55 system-ui,sans-serif;background:var(--paper);color:var(--ink)}
.page{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:80rem;margin:0 auto}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.5rem 1rem;border-right:1px solid var(--line);font-size:.9rem}
nav h2{font-size:.75rem;letter-spacing:.06em;text-transform:uppercase;color:var(--faint);margin:1.25rem 0 .25rem}
nav ul{list-style:none;margin:0;padding:0}
nav a{display:block;padding:.15rem .4rem;border-radius:4px;color:inherit;text-decoration:none;overflow-wrap:anywhere}
nav a:hover,nav a:focus-visible{background:var(--panel);color:var(--link)}
main{padding:1.5rem 2rem 6rem;min-width:0}
header{display:flex;flex-wrap:wrap;gap:1rem;align-items:baseline;justify-content:space-between}
h1{margin:0;font-size:1.9rem;line-height:1.2}
h1 small,h4 small{font-weight:400;font-size:.85rem;color:var(--faint)}
main>section>h2{margin:2.5rem 0 .5rem;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
article{border:1px solid var(--line);border-radius:8px;padding:1rem 1.25rem;margin:1rem 0;scroll-margin-top:1rem}
article:target{border-color:var(--link)}
h3{margin:0 0 .5rem;font-size:1.1rem;overflow-wrap:anywhere}
h4{margin:1rem 0 .25rem;font-size:.95rem}
code,pre{font:.85rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
h3 code{font-size:1rem}
.subject i{font-style:normal;color:var(--mark)}
pre{background:var(--panel);border-radius:6px;padding:.75rem;overflow:auto;margin:.25rem 0}
.badge{display:inline-block;font-size:.75rem;font-weight:600;border-radius:99px;padding:.05rem .6rem;margin-right:.6rem;color:var(--paper);vertical-align:.1em}
.receive{background:var(--receive)}.send{background:var(--send)}
dl{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin:.5rem 0}
.fact{display:flex;gap:.4rem;align-items:baseline}dt,dd{font-size:.85rem}dt{color:var(--faint)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th{font-weight:600;color:var(--faint)}th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line)}
summary{cursor:pointer;color:var(--faint);font-size:.85rem;margin-top:.5rem}
.optional,.limit,.any,.none{color:var(--faint);font-size:.85rem}
input,button{font:inherit;color:inherit;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.35rem .7rem}
input{width:100%}button{cursor:pointer}
input:focus-visible,button:focus-visible,a:focus-visible,summary:focus-visible{outline:2px solid var(--link);outline-offset:1px}
[hidden]{display:none}
@media (max-width:50rem){.page{display:block}nav{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line)}main{padding:1rem}}
@media print{nav,button{display:none}.page{display:block}article{break-inside:avoid}}
`
