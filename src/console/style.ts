/** The console's style sheet. */
export const style = `
:root { color-scheme: light dark; --line: #8884; --quiet: #777; --good: #18794e; --bad: #c62a2f; --warn: #ad5700; }
@media (prefers-color-scheme: dark) { :root { --good: #4cc38a; --bad: #ff6369; --warn: #f1a10d; --quiet: #999; } }
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem 4rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem } h3 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere }
header p { margin: .25rem 0 1rem }
article { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: .75rem 0 }
article p { margin: .25rem 0; overflow-wrap: anywhere }
code { font: .875em ui-monospace, monospace }
.badge { border: 1px solid; border-radius: 1rem; padding: 0 .6rem; font-size: .8rem; font-weight: 600; white-space: nowrap }
.good { color: var(--good) } .bad { color: var(--bad) } .warn, .warning { color: var(--warn) }
.warning { border: 1px solid; border-radius: .5rem; padding: .75rem 1rem }
.quiet { color: var(--quiet) }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .75rem; margin: 0 }
dt { color: var(--quiet); font-size: .85rem } dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem } th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap }
.number { text-align: right; font-variant-numeric: tabular-nums }
.checks { columns: 16rem; list-style: none; padding: 0 } .checks .good::before { content: "✓ " } .checks .bad::before { content: "✗ " }
label { display: block; margin: 1rem 0 } input { font: inherit; padding: .4rem; width: 100%; max-width: 28rem; display: block } button { font: inherit; padding: .4rem 1.2rem }
`
