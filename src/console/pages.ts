/** The pages themselves. `html` escapes every value that goes in. */
import { html } from 'hono/html'
import { formatTon } from '../lib/nanoton.ts'

/** What the status page shows; gathered by the composition root. */
export interface Status {
  readonly simulated: boolean
  readonly now: number
  readonly baseUrl: string
  readonly obstacles: readonly string[]
  readonly accounts: readonly AccountStatus[]
  readonly workers: readonly WorkerStatus[]
  readonly requests: readonly RequestStatus[]
}

export interface AccountStatus {
  readonly channel: string
  readonly state: string
  readonly deposited: bigint
  readonly authorised: bigint
  readonly spent: bigint
  readonly settled: bigint
  readonly reserved: bigint
  readonly available: bigint
}

export interface WorkerStatus {
  readonly id: string
  readonly url: string
  readonly status: string
  readonly models: readonly string[]
  readonly running: number
  /** When the evidence was verified and until when it counts, ms since the epoch. */
  readonly verifiedAt: number | undefined
  readonly expiresAt: number | undefined
  readonly tcbStatus: string | undefined
  readonly evidence: string | undefined
  /** The channel that the worker is paid on; undefined where it is not paid. */
  readonly pay: PayStatus | undefined
  readonly reasons: readonly string[]
  readonly checks: readonly { readonly name: string; readonly ok: boolean }[]
}

export interface PayStatus {
  readonly channel: string | undefined
  readonly deposited: bigint
  readonly earned: bigint
  readonly signed: bigint
  readonly settled: bigint
  readonly problem: string | undefined
}

export interface RequestStatus {
  readonly rid: string
  readonly at: number
  readonly model: string
  readonly worker: string
  readonly prompt: number
  readonly completion: number
  /** Other units, such as `2 images`; empty where there are none. */
  readonly others: string
  readonly cost: bigint
  readonly finish: string
}

type Markup = ReturnType<typeof html>

function page(title: string, body: Markup, refreshSeconds?: number): Markup {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    ${refreshSeconds ? html`<meta http-equiv="refresh" content="${refreshSeconds}">` : ''}
    <title>${title} · Chrysalis</title>
    <link rel="stylesheet" href="/console/style.css">
  </head>
  <body><main>${body}</main></body>
</html>`
}

/** Asks for the operator key. */
export function loginPage(problem?: string): Markup {
  return page(
    'Sign in',
    html`<h1>Chrysalis console</h1>
      ${problem ? html`<p class="bad">${problem}</p>` : ''}
      <form method="post" action="/console/login">
        <label>Operator key <input type="password" name="key" autocomplete="current-password" required autofocus></label>
        <button>Sign in</button>
      </form>
      <p class="quiet">The operator key is in the file that the proxy's config names under <code>console.operator_key</code>.</p>`,
  )
}

/** Mode, accounts, workers with their evidence, last requests. */
export function statusPage(status: Status): Markup {
  return page(
    'Status',
    html`<header><h1>Chrysalis</h1><p>${modeBadge(status)} ${readyBadge(status)} <code>${status.baseUrl}</code></p></header>
      ${status.simulated ? html`<p class="warning">Development mode: the root of trust is a software quoting authority and the chain is local. Evidence here proves nothing about hardware.</p>` : ''}
      <p class="quiet">Plain mode: whoever runs this proxy can read prompts on their way to the enclave.</p>
      <section><h2>Accounts</h2>${status.accounts.length ? status.accounts.map(accountCard) : html`<p class="quiet">No channel yet.</p>`}</section>
      <section><h2>Workers</h2>${status.workers.map(worker => workerCard(worker, status.now))}</section>
      <section><h2>Last requests</h2>${requestTable(status)}</section>`,
    10,
  )
}

function modeBadge(status: Status): Markup {
  return status.simulated ? html`<span class="badge warn">simulated</span>` : html`<span class="badge good">Intel TDX</span>`
}

function readyBadge(status: Status): Markup {
  return status.obstacles.length === 0
    ? html`<span class="badge good">ready</span>`
    : html`<span class="badge bad">not ready: ${status.obstacles.join(', ')}</span>`
}

function accountCard(account: AccountStatus): Markup {
  const amounts: [string, bigint][] = [
    ['Available', account.available],
    ['Deposited', account.deposited],
    ['Authorised', account.authorised],
    ['Spent', account.spent],
    ['Reserved', account.reserved],
    ['Settled on chain', account.settled],
  ]
  return html`<article><h3><code>${account.channel}</code> <span class="badge ${account.state === 'open' ? 'good' : 'warn'}">${account.state}</span></h3>
    <dl>${amounts.map(([name, amount]) => html`<div><dt>${name}</dt><dd>${formatTon(amount)}</dd></div>`)}</dl></article>`
}

function workerCard(worker: WorkerStatus, now: number): Markup {
  const good = worker.status === 'verified'
  return html`<article><h3>${worker.id} <span class="badge ${good ? 'good' : 'bad'}">${worker.status}</span></h3>
    <p class="quiet"><code>${worker.url}</code> · ${worker.models.join(', ') || 'no models'} · ${worker.running} running</p>
    <p>${worker.verifiedAt === undefined ? 'Never verified.' : html`Evidence verified ${age(now - worker.verifiedAt)} ago${worker.expiresAt !== undefined && worker.expiresAt > now ? html`, valid ${age(worker.expiresAt - now)} more` : html`, <strong>lapsed</strong>`}${worker.tcbStatus ? html`, TCB ${worker.tcbStatus}` : ''}.`}
      ${worker.evidence ? html`<br><span class="quiet">keyset <code>${worker.evidence}</code></span>` : ''}</p>
    ${worker.pay ? payLine(worker.pay) : ''}
    ${worker.reasons.length ? html`<ul class="bad">${worker.reasons.map(reason => html`<li>${reason}</li>`)}</ul>` : ''}
    ${worker.checks.length ? html`<details><summary>${worker.checks.filter(check => check.ok).length} of ${worker.checks.length} checks passed</summary><ul class="checks">${worker.checks.map(check => html`<li class="${check.ok ? 'good' : 'bad'}">${check.name}</li>`)}</ul></details>` : ''}</article>`
}

function payLine({ channel, deposited, earned, signed, settled, problem }: PayStatus): Markup {
  return html`<p class="quiet">Paid on ${channel ? html`<code>${channel}</code>` : 'no channel yet'}: earned ${formatTon(earned)}, signed for ${formatTon(signed)}, cashed ${formatTon(settled)}, of ${formatTon(deposited)} locked.</p>
    ${problem ? html`<p class="bad">${problem}</p>` : ''}`
}

function requestTable(status: Status): Markup {
  if (status.requests.length === 0) return html`<p class="quiet">None yet.</p>`
  return html`<div class="scroll"><table><thead><tr><th>When</th><th>Model</th><th>Worker</th><th>Prompt</th><th>Completion</th><th>Other</th><th>Cost (nanoTON)</th><th>Finish</th><th>Receipt</th></tr></thead>
    <tbody>${status.requests.map(request => html`<tr><td>${age(status.now - request.at)} ago</td><td>${request.model}</td><td>${request.worker}</td><td class="number">${request.prompt}</td><td class="number">${request.completion}</td><td class="number">${request.others}</td><td class="number">${request.cost.toString()}</td><td>${request.finish}</td><td><code>${request.rid}</code></td></tr>`)}</tbody></table></div>`
}

/** A duration for people: 45 s, 12 min, 3 h. */
function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}
