/** The reference's style sheet: one column for reading, light or dark as the reader has it. */
export const referenceStyle = `
:root { color-scheme: light dark; --line: #8883; --quiet: #666; --accent: #18794e; --back: #8881 }
@media (prefers-color-scheme: dark) { :root { --quiet: #a0a0a0; --accent: #4cc38a } }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 6rem }
h1 { font-size: 1.7rem; margin: 0 } h2 { font-size: 1.25rem; margin: 3rem 0 .5rem } h3 { font-size: 1rem; margin: 0 0 .25rem; overflow-wrap: anywhere }
h4 { font-size: .8rem; margin: 1.25rem 0 .25rem; color: var(--quiet); text-transform: uppercase; letter-spacing: .05em }
p { margin: .25rem 0 }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: .2em }
a:hover { text-decoration-color: currentColor }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere }
nav ul { list-style: none; margin: .25rem 0 1rem; padding: 0; columns: 18rem } nav li { break-inside: avoid; padding: .1rem 0 }
article { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem 1.25rem; margin: 1rem 0; scroll-margin-top: 1rem }
article:target { border-color: var(--accent) }
.method { font: 700 .8rem ui-monospace, monospace; color: var(--accent) }
.quiet { color: var(--quiet) }
.table { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
td, th { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-top: 1px solid var(--line) }
tr:first-child td { border-top: 0 }
td:first-child { width: 16rem } td:nth-child(2) { width: 13rem; color: var(--quiet) }
summary { cursor: pointer; padding: .2rem 0 } details { border-top: 1px solid var(--line) } details > div { padding: .25rem 0 .75rem 1rem }
@media (max-width: 40rem) { td, td:first-child, td:nth-child(2) { display: block; width: auto; border: 0; padding: 0 } tr { display: block; border-top: 1px solid var(--line); padding: .4rem 0 } }
`
