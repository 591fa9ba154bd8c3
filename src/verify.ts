/**
 * `chrysalis verify`: is this quote, worker or proxy genuine, and is it what a policy accepts? It answers with a report for people,
 * or with one JSON object (`--json`, `--batch`), and with its exit code: 0 accepted, 3 refused by the policy, 4 not verified, 2 wrong usage.
 */

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import {
  AttestationError,
  type Collateral,
  CollateralClient,
  collateralFor,
  type ForeignKind,
  foreignKinds,
  type GpuVerifierOptions,
  kindOfDocument,
  nvidiaVerifier,
  type Quote,
} from './attestation/index.ts'
import { ConfigError } from './config.ts'
import { messageOf } from './lib/coded-error.ts'
import { askFor } from './verify/ask.ts'
import { askForeign, findForeign } from './verify/ask-foreign.ts'
import { runBatch } from './verify/batch.ts'
import { connectedFetch } from './verify/connected-fetch.ts'
import { judgeEvidence } from './verify/evidence.ts'
import { readEvidenceFile, readNrasKeysFile, readQuoteFile } from './verify/files.ts'
import { parseNonce, parseTime, parseUrl } from './verify/flags.ts'
import { judgeForeign } from './verify/foreign-evidence.ts'
import { HeldInputs } from './verify/held-inputs.ts'
import { type Judged, judgeQuote } from './verify/judge.ts'
import { paint, wantsColours } from './verify/paint.ts'
import { report, unprovenOf } from './verify/report.ts'
import { exitCodeOf, failedVerdict } from './verify/verdict.ts'

/** What stands on the command line. */
export interface VerifyFlags {
  readonly quote?: string
  readonly evidence?: string
  readonly batch?: string
  readonly nonce?: string
  readonly collateral?: string
  readonly pccs?: string
  readonly at?: string
  readonly policy?: string
  readonly root?: string
  readonly nrasKeys?: string
  /** Whose evidence it is; by its form where nothing is said. */
  readonly kind?: string
  readonly json?: boolean
}

/** What the command touches outside its arguments. */
export interface VerifyWorld {
  readonly stdin: AsyncIterable<Uint8Array>
  /** Resolves when there is room for more. */
  readonly write: (text: string) => Promise<void>
  readonly isTTY: boolean
  readonly columns: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  readonly random: (size: number) => Buffer
  readonly fetch: typeof fetch
  /** NVIDIA's roots unless a test says otherwise. */
  readonly gpuVerifier?: GpuVerifierOptions
}

const intelPcs = 'https://api.trustedservices.intel.com'

/** Runs the command and leaves its exit code with the process. Throws {@link ConfigError} for wrong usage. */
export async function runVerify(url: string | undefined, flags: VerifyFlags): Promise<void> {
  // Whoever reads our output may stop at any line; that is no failure of ours.
  process.stdout.on('error', error => process.exit('code' in error && error.code === 'EPIPE' ? 0 : 1))
  process.exitCode = await verifyCommand(url, flags, {
    stdin: process.stdin,
    async write(text) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain')
    },
    isTTY: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 100,
    env: process.env,
    now: () => Date.now(),
    random: randomBytes,
    fetch: connectedFetch(),
  })
}

/** The command in a world that the caller gives. Returns the exit code. Throws {@link ConfigError} for wrong usage. */
export async function verifyCommand(url: string | undefined, flags: VerifyFlags, world: VerifyWorld): Promise<number> {
  checkUsage(url, flags)
  if (flags.batch !== undefined) return batch(flags.batch, world)
  return one(url, flags, world)
}

function checkUsage(url: string | undefined, flags: VerifyFlags): void {
  const subjects = [url, flags.quote, flags.evidence, flags.batch].filter(subject => subject !== undefined)
  if (subjects.length !== 1) {
    const fault = subjects.length === 0 ? 'there is nothing to verify' : 'one thing at a time'
    throw new ConfigError('invalid', `${fault}: give a URL, --quote FILE, --evidence FILE or --batch FILE`)
  }
  const misplaced = (names: readonly (keyof VerifyFlags)[], place: string) => {
    const name = names.find(candidate => flags[candidate] !== undefined)
    if (name) throw new ConfigError('invalid', `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)} has no meaning ${place}`)
  }
  if (flags.batch !== undefined)
    misplaced(['nonce', 'collateral', 'pccs', 'at', 'policy', 'root', 'nrasKeys', 'kind'], 'with --batch: each line names its own')
  if (flags.quote !== undefined)
    misplaced(['nonce', 'nrasKeys', 'kind'], 'with --quote: a bare quote does not say how its REPORTDATA was made; use --evidence')
  if (url !== undefined) misplaced(['nonce', 'at'], 'with a URL: it is asked now, with a fresh nonce')
  if (flags.collateral !== undefined) misplaced(['pccs'], 'beside --collateral: collateral comes from the one or the other')
}

async function batch(file: string, world: VerifyWorld): Promise<number> {
  const input = file === '-' ? world.stdin : createReadStream(file)
  try {
    return await runBatch(input, world.write, world.now)
  } catch (cause) {
    // Of all that is read, only the batch itself fails without a line of its own.
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause
    throw new ConfigError('unreadable', `cannot read the batch file ${file}: ${messageOf(cause)}`, { cause })
  }
}

/** Something that was judged. */
interface Judgement {
  readonly subject: string
  readonly judged: Judged
  readonly fresh: boolean
}

/** A quote, an evidence document, or all that a URL shows. */
async function one(url: string | undefined, flags: VerifyFlags, world: VerifyWorld): Promise<number> {
  const at = flags.at === undefined ? world.now() : parseTime(flags.at, '--at')
  const judgements = await judge(url, flags, at, world)
  const worst = judgements.reduce((a, b) => (exitCodeOf(b.judged.verdict) > exitCodeOf(a.judged.verdict) ? b : a))
  if (flags.json) {
    const subjects = judgements.map(({ subject, judged }) => ({ subject, ...inJson(judged) }))
    await world.write(
      `${JSON.stringify(url === undefined && judgements.length === 1 ? inJson(worst.judged) : { ...inJson(worst.judged), subjects })}\n`,
    )
    return exitCodeOf(worst.judged.verdict)
  }
  const ink = paint(wantsColours(world))
  const width = Math.min(Math.max(world.columns, 60), 120)
  for (const [index, { subject, judged, fresh }] of judgements.entries()) {
    const gpus = judged.facts && judged.gpus
    const unproven = unprovenOf(judged.facts, {
      policy: flags.policy !== undefined,
      fresh,
      gpus,
      ...(judged.facts &&
        judged.statement && { proxy: { endsInside: judged.endsInside ?? false, tls: judged.statement.tls_spki !== null } }),
      foreign: judged.facts !== undefined && judged.foreign !== undefined,
    })
    if (index > 0) await world.write('\n')
    await world.write(report({ subject, judged, at, root: flags.root, paint: ink, width, unproven }))
  }
  return exitCodeOf(worst.judged.verdict)
}

/** The verdict, with what GPUs said where any were judged, and a proxy's keys. */
function inJson(judged: Judged): object {
  if (!judged.facts) return judged.verdict
  const { gpus, statement, foreign } = judged
  return {
    ...judged.verdict,
    ...(gpus && { gpus: { bound: gpus.bound, devices: gpus.devices, nras: gpus.nras } }),
    ...(statement && { proxy: statement }),
    ...(foreign && { format: foreign.format, fresh: foreign.fresh, keys: foreign.keys }),
  }
}

async function judge(url: string | undefined, flags: VerifyFlags, at: number, world: VerifyWorld): Promise<Judgement[]> {
  const held = new HeldInputs()
  const policy = await held.policy(flags.policy)
  const root = await held.root(flags.root)
  const collateral = collateralSource(flags, held, root, at, world)
  const gpuVerifier = await gpuVerifierOf(flags, world)
  const { quote, evidence } = flags
  if (quote !== undefined)
    return [{ subject: quote, judged: await judgeQuote({ quote: () => readQuoteFile(quote), collateral, at, policy }), fresh: false }]
  if (evidence !== undefined) {
    const nonce = flags.nonce === undefined ? undefined : parseNonce(flags.nonce)
    return judgeDocument(evidence, flags.kind, { nonce, collateral, at, policy, gpuVerifier })
  }
  const target = parseUrl(url!, 'the URL')
  const { fetch, random, env } = world
  const asker = { fetch, random, apiKey: env.CHRYSALIS_API_KEY, foreignKey: env.CHRYSALIS_FOREIGN_API_KEY }
  const given = { collateral, at, policy, gpuVerifier }
  try {
    if (flags.kind !== undefined && flags.kind !== ownKind)
      return await judgeParts(target.origin, { ...(await askForeign(flags.kind as ForeignKind, target, asker)), ...given })
    const shown = await askFor(target, asker).catch(async error => {
      // Whoever speaks none of our own forms may speak another system's.
      const foreign = flags.kind === undefined && error instanceof AttestationError ? await findForeign(target, asker) : undefined
      if (!foreign) throw error
      return foreign
    })
    if (!Array.isArray(shown)) return await judgeParts(target.origin, { ...shown, ...given })
    return await Promise.all(
      shown.map(async ({ subject, nonce, document, connection }) => ({
        subject,
        judged: await judgeEvidence({ document: async () => document, nonce, connection, ...given }),
        fresh: true,
      })),
    )
  } catch (error) {
    return [{ subject: target.origin, judged: { verdict: failedVerdict(error), checks: [] }, fresh: false }]
  }
}

async function gpuVerifierOf({ nrasKeys: file }: VerifyFlags, world: VerifyWorld): Promise<GpuVerifierOptions> {
  const verifier = world.gpuVerifier ?? nvidiaVerifier
  return file === undefined ? verifier : { ...verifier, nrasKeys: await readNrasKeysFile(file) }
}

const ownKind = 'chrysalis'

/** The names that `--kind` takes. */
export const evidenceKinds: readonly string[] = [ownKind, ...foreignKinds]

/** Every enclave of another system's document. */
async function judgeParts(subject: string, o: Parameters<typeof judgeForeign>[0]): Promise<Judgement[]> {
  const parts = await judgeForeign(o)
  return parts.map(({ part, judged }) => ({
    subject: `${subject} (${o.kind}${parts.length > 1 ? `, ${part}` : ''})`,
    judged,
    fresh: judged.facts ? (judged.foreign?.fresh ?? false) : false,
  }))
}

/** A document in a file, of whatever system. Throws {@link ConfigError} for a file that cannot be read; one that is too large is a verdict. */
async function judgeDocument(
  file: string,
  kind: string | undefined,
  given: Omit<Parameters<typeof judgeForeign>[0], 'kind' | 'document'>,
): Promise<Judgement[]> {
  let document: Buffer
  try {
    document = await readEvidenceFile(file)
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    return [{ subject: file, judged: { verdict: failedVerdict(error), checks: [] }, fresh: false }]
  }
  const foreign = kind ?? kindOfDocument(document) ?? ownKind
  if (foreign !== ownKind) return judgeParts(file, { kind: foreign as ForeignKind, document, ...given })
  const judged = await judgeEvidence({ document: async () => document, ...given })
  return [{ subject: file, judged, fresh: given.nonce !== undefined }]
}

/** Where collateral comes from: a folder, or a service that knows every platform. */
function collateralSource(
  flags: VerifyFlags,
  held: HeldInputs,
  root: Uint8Array,
  at: number,
  world: VerifyWorld,
): (quote: Quote) => Promise<Collateral> {
  const { collateral: folder } = flags
  if (folder !== undefined) return () => held.collateral(folder, flags.root, at)
  const service = flags.pccs === undefined ? intelPcs : parseUrl(flags.pccs, '--pccs').href
  const client = new CollateralClient({
    baseUrl: service,
    fetch: world.fetch,
    root,
    clock: { now: () => at, after: () => ({ cancel() {} }) },
  })
  return async quote => {
    const { fmspc, ca } = collateralFor(quote)
    return client.get(fmspc, ca)
  }
}
