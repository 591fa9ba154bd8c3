/** The report that a person reads: the verdict first, then why, then what was found, then what it does not prove. */
import type { Check, Facts, ForeignEvidence, GpuFacts, Keyset, ProxyStatement, ReplayedLog } from '../attestation/index.ts'
import { kemX25519, kemXWing } from '../envelope/index.ts'
import { toHex } from '../lib/bytes.ts'
import { meaningOf, whatToDo } from './advice.ts'
import type { Judged } from './judge.ts'
import { type Paint, plain, wrap } from './paint.ts'
import type { Verdict } from './verdict.ts'

export interface ReportOptions {
  /** What was judged: a file's name, or a worker's. */
  readonly subject: string
  readonly judged: Judged
  /** The moment as of which it was judged, ms. */
  readonly at: number
  /** The file of a root other than Intel's. */
  readonly root: string | undefined
  readonly paint: Paint
  /** Columns of the terminal. */
  readonly width: number
  /** Sections between the checks and the findings. */
  readonly sections?: readonly string[]
  /** Of a bare quote, what it leaves open. */
  readonly unproven: readonly string[]
}

const label = 14

/** The whole report, with its last line ended. */
export function report(o: ReportOptions): string {
  const { judged, paint } = o
  const sections = judged.facts
    ? [
        headline(o),
        why(o),
        checks(judged.verdict.checks, paint),
        ...(o.sections ?? []),
        keys(judged.keyset, o),
        proxyKeys(judged.statement, o),
        foreignKeys(judged.foreign, o),
        tcb(o, judged.facts),
        measurements(judged.facts),
        eventLog(judged.replayed, o),
        gpuSection(judged.gpus, o),
        list('What this does not prove', o.unproven, o),
        todo(o),
      ]
    : [headline(o), checks(judged.checks, paint), ...(o.sections ?? []), todo(o)]
  return `${sections.filter(section => section !== '').join('\n\n')}\n`
}

/** A few words on how it ended. */
export function outcomeOf(verdict: Verdict): { readonly text: string; readonly tone: 'good' | 'bad' | 'warn' } {
  if (!verdict.verified) return { text: 'NOT VERIFIED', tone: 'bad' }
  if (verdict.policy?.accepted === false) return { text: 'REFUSED', tone: 'bad' }
  if (verdict.policy) return { text: 'ACCEPTED', tone: 'good' }
  return { text: 'VERIFIED', tone: verdict.status === 'UpToDate' ? 'good' : 'warn' }
}

function headline({ subject, judged: { verdict }, at, root, paint, width }: ReportOptions): string {
  const { text, tone } = outcomeOf(verdict)
  const rest = verdict.verified ? verifiedWords(verdict) : `${capital(plain(verdict.message))} (${verdict.code}).`
  return [
    `${paint.strong(paint[tone](text))}  ${paint.strong(plain(subject))}`,
    `  ${wrap(rest, width, 2)}`,
    '',
    row('as of', new Date(at).toISOString().replace('.000Z', 'Z')),
    row(
      'root of trust',
      root === undefined ? 'Intel SGX Root CA' : paint.warn(`${plain(root)}, which is not Intel’s: this says nothing about hardware`),
    ),
  ].join('\n')
}

function capital(text: string): string {
  return /^https?:/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1)
}

function verifiedWords(verdict: Extract<Verdict, { verified: true }>): string {
  const genuine = `A genuine TDX quote; TCB status ${verdict.status}`
  if (!verdict.policy) return `${genuine}. No policy was given: nothing is said about what runs inside.`
  return verdict.policy.accepted ? `${genuine}; the policy accepts it.` : `${genuine}, but the policy refuses it.`
}

function why({ judged: { verdict }, paint, width }: ReportOptions): string {
  if (!verdict.verified || !verdict.policy || verdict.policy.accepted) return ''
  return ['Why it is refused', ...verdict.policy.reasons.map(reason => `  ${paint.bad('✗')} ${wrap(plain(reason), width, 4)}`)].join('\n')
}

function checks(all: readonly Check[], paint: Paint): string {
  return all.length === 0 ? '' : ['Checks', ...all.map(({ name, ok }) => `  ${ok ? paint.good('✓') : paint.bad('✗')} ${name}`)].join('\n')
}

/** Whose keys the quote vouches for, and what they serve. */
function keys(keyset: Keyset | undefined, { width }: ReportOptions): string {
  if (!keyset) return ''
  const { worker, not_after, hpke, receipt, models, software } = keyset
  return [
    'Keys, vouched for by the quote',
    row('worker', plain(worker)),
    row('until', new Date(not_after).toISOString()),
    ...hpke.map(({ kid, kem }) => row('sealing', `${kid} (${kemNames[kem] ?? `KEM ${kem}`})`)),
    row('receipts', `${receipt.kid} (Ed25519)`),
    row('software', wrap(`${plain(software.version)}, ${software.image_digest}`, width, label + 4)),
    ...models.map(({ id, weights_digest }) =>
      row('model', wrap(`${plain(id)}, weights ${weights_digest ?? 'not measured'}`, width, label + 4)),
    ),
  ].join('\n')
}

/** Who is paid, and which keys of a proxy the quote vouches for. */
function proxyKeys(statement: ProxyStatement | undefined, { width }: ReportOptions): string {
  if (!statement) return ''
  const { not_after, payee, payee_key, tls_spki, chain, software } = statement
  return [
    'Keys of the proxy, vouched for by the quote',
    row('until', new Date(not_after).toISOString()),
    row('payee key', payee_key),
    row('paid to', `${payee} on chain ${chain}`),
    row('TLS key', tls_spki === null ? 'none: something else ends TLS, and can read what passes' : `SHA-256 ${tls_spki}`),
    row('software', wrap(`${plain(software.version)}, ${software.image_digest}`, width, label + 4)),
  ].join('\n')
}

/** The keys of another system's enclave, each for what that system uses it. */
function foreignKeys(foreign: ForeignEvidence | undefined, { width }: ReportOptions): string {
  if (!foreign) return ''
  const { format, keys, notAfter, fresh } = foreign
  return [
    `Keys, vouched for by the quote (${format})`,
    row('fresh', fresh ? 'over our nonce' : 'no: this may be from another day'),
    ...(notAfter === undefined ? [] : [row('until', new Date(notAfter).toISOString())]),
    ...(keys.length === 0 ? [row('none', wrap('it says what runs, and binds no key: do not send it anything', width, label + 4))] : []),
    ...keys.map(({ role, algorithm, value }) => row(role, wrap(`${plain(value)} (${plain(algorithm)})`, width, label + 4))),
  ].join('\n')
}

const kemNames: Readonly<Record<number, string>> = { [kemXWing]: 'X-Wing', [kemX25519]: 'X25519' }

function tcb({ paint, width }: ReportOptions, facts: Facts): string {
  const { status, platform, module, qe, advisories, tcbDate, evaluationNumber, fmspc } = facts
  const tint = (value: string) => (value === 'UpToDate' ? paint.good : value === 'Revoked' ? paint.bad : paint.warn)(value)
  return [
    'Platform',
    row(
      'status',
      wrap(`${status} (${meaningOf[status]})`, width, label + 4).replace(status, () => tint(status)),
    ),
    row('platform', tint(platform)),
    row('TDX module', tint(module)),
    row('QE', tint(qe)),
    row('advisories', advisories.length === 0 ? 'none' : wrap(advisories.join(', '), width, label + 4)),
    row('TCB date', tcbDate.slice(0, 10)),
    row('evaluation', `number ${evaluationNumber}`),
    row('FMSPC', fmspc),
    row('PPID', facts.ppid),
  ].join('\n')
}

function measurements({ report: td }: Facts): string {
  const fields: readonly (readonly [string, Uint8Array | undefined])[] = [
    ['MRTD', td.mrTd],
    ['RTMR0', td.rtmr[0]],
    ['RTMR1', td.rtmr[1]],
    ['RTMR2', td.rtmr[2]],
    ['RTMR3', td.rtmr[3]],
    ['MRSEAM', td.mrSeam],
    ['MRSIGNERSEAM', td.mrSignerSeam],
    ['MRCONFIGID', td.mrConfigId],
    ['MROWNER', td.mrOwner],
    ['MROWNERCONFIG', td.mrOwnerConfig],
    ['MRSERVICETD', td.mrServiceTd],
    ['TDATTRIBUTES', td.tdAttributes],
    ['XFAM', td.xfam],
    ['TEE_TCB_SVN', td.teeTcbSvn],
    ['TEE_TCB_SVN_2', td.teeTcbSvn2],
    ['REPORTDATA', td.reportData],
  ]
  return ['Measurements', ...fields.filter(([, value]) => value !== undefined).map(([name, value]) => row(name, short(value!)))].join('\n')
}

/** What the guest measured while it booted, which RTMR3 stands for. */
function eventLog(replayed: ReplayedLog | undefined, { width }: ReportOptions): string {
  if (!replayed) return ''
  const { events, later } = replayed
  const after = later === 0 ? [] : [row('later', `${later} measured after the boot, by anything in the guest: not read`)]
  return [
    events.length === 0 ? 'Event log: nothing in RTMR3' : 'Event log, which replays to RTMR3',
    ...events.map(({ name, payload }) => row(plain(name), wrap(payloadText(payload), width, Math.max(label, name.length) + 4))),
    ...after,
  ].join('\n')
}

/** Each GPU, and what ties all of them to the quote. */
function gpuSection(gpus: GpuFacts | undefined, { width }: ReportOptions): string {
  if (!gpus) return ''
  const { devices, bound, nras } = gpus
  return [
    'GPUs',
    ...devices.map(({ name, hardware, driver, vbios, mode, measurements }) => {
      const measured = measurements === 'matched' ? 'measures as NVIDIA published' : 'measurements not compared'
      return row(
        name,
        wrap(`${plain(hardware)}, driver ${driver ?? 'not stated'}, VBIOS ${vbios}, ${modeWords(mode)}${measured}`, width, label + 4),
      )
    }),
    row('bound', wrap(boundWords[bound], width, label + 4)),
    row('NVIDIA says', nras ? `${nras.devices.length} devices in order, by a token of its service` : 'nothing: no token was checked'),
  ].join('\n')
}

function modeWords(mode: GpuFacts['devices'][number]['mode']): string {
  return mode === null ? '' : `${mode.toUpperCase()} mode, `
}

const boundWords: Readonly<Record<GpuFacts['bound'], string>> = {
  'report-data': 'the quote holds their hash, over this nonce: the TD chose to show these now',
  'nonce-only': 'over this nonce, but not part of the quote: anybody may have shown these',
  none: 'not over a nonce of ours: these may be from another day',
}

function gpusUnproven(gpus: GpuFacts | undefined): string[] {
  if (!gpus || gpus.devices.length === 0) return []
  return [
    'That these GPUs are in the machine of the TD, or are the ones that answer: nothing in hardware ties a GPU to a TD today. Pin the software that looks after them.',
    ...(gpus.devices.some(({ revocation }) => revocation !== 'good')
      ? ['That no certificate of a GPU was revoked: NVIDIA was not asked.']
      : []),
  ]
}

/** Text as text, bytes as hex: what was measured as JSON is read more easily as that. */
function payloadText(payload: Uint8Array): string {
  const text = Buffer.from(payload).toString('latin1')
  return payload.length > 0 && /^[ -~]+$/.test(text) ? plain(text) : toHex(payload)
}

/** Zeros need no room; what people compare or copy stands whole. */
function short(value: Uint8Array): string {
  return value.every(byte => byte === 0) && value.length > 16 ? '00… (zero)' : toHex(value)
}

function list(title: string, items: readonly string[], { width }: ReportOptions): string {
  return items.length === 0 ? '' : [title, ...items.map(item => `  - ${wrap(item, width, 4)}`)].join('\n')
}

function todo({ judged: { verdict }, width }: ReportOptions): string {
  if (!verdict.verified) return `What to do\n  ${wrap(whatToDo(verdict.code), width, 2)}`
  if (verdict.status === 'Revoked')
    return `What to do\n  ${wrap('Stop. No policy can accept this platform; use another machine.', width, 2)}`
  if (verdict.policy?.accepted === false)
    return `What to do\n  ${wrap('If you know the reasons above to be harmless, name those values in the policy. If not, the worker has to change.', width, 2)}`
  return ''
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(label)}  ${value}`
}

/** What no quote proves by itself, and what this one leaves open besides. */
export function unprovenOf(
  facts: Facts | undefined,
  o: { policy: boolean; fresh: boolean; gpus?: GpuFacts | undefined; proxy?: { endsInside: boolean; tls: boolean }; foreign?: boolean },
): string[] {
  if (!facts) return []
  const debug = (facts.report.tdAttributes[0]! & 1) === 1
  return [
    ...(debug ? ['That anything inside is private: the TD runs under DEBUG, and its host can read and change all of its memory.'] : []),
    ...(o.policy
      ? []
      : ['That the software inside is what you expect: compare the measurements with a build you trust, or give a --policy.']),
    ...(o.fresh
      ? []
      : [
          'That it is fresh: a quote alone may be a copy from another day. Ask with a nonce of your own (--nonce with --evidence, or a URL).',
        ]),
    ...(o.proxy
      ? [connectionUnproven(o.proxy), 'What the proxy’s workers are: that is theirs to show, to callers alone (CHRYSALIS_API_KEY).']
      : []),
    ...(o.foreign ? ['That your connection ends with these keys: your client has to compare them with what it is shown.'] : []),
    ...gpusUnproven(o.gpus),
    'That nobody has opened the machine: keys have been taken out of such CPUs in a laboratory. A policy can name the PPIDs of machines whose owner you trust.',
  ]
}

function connectionUnproven({ endsInside, tls }: { endsInside: boolean; tls: boolean }): string {
  if (endsInside) return 'That your client’s connection ends inside as this one did: have it compare the TLS key too.'
  if (tls) return 'That your connection ends inside: compare the TLS key with the certificate that your client is shown.'
  return 'That your connection ends inside: it does not. What ends TLS before the proxy can read what passes.'
}
