/** What to do about a verdict: a line or two for each code and status. The full meaning of a code stands with `AttestationErrorCode`. */
import { type Advice, type AttestationErrorCode, adviceFor, type TcbStatus } from '../attestation/index.ts'

const otherCollateral = 'Get fresh collateral (run again without --collateral, or fetch the folder anew) and run it again.'
const stop = 'Stop. Do not send anything to this machine: this is what an attack looks like.'

/** Where a code needs no words of its own. */
const general: Readonly<Record<Advice, string>> = {
  retry: 'Run it again. If it stays, ask whoever runs the service that is named above.',
  fix: 'It will stay so until somebody mends what is named above.',
  stop,
}

const particular: Readonly<Partial<Record<AttestationErrorCode, string>>> = {
  'quote-malformed': 'This is no whole TDX quote. Take the bytes again from whoever made it: raw, or as hex or base64 text.',
  'quote-unsupported':
    'This verifier knows TDX quotes of version 4 and 5, signed with ECDSA P-256. SGX and SEV-SNP evidence needs another verifier.',
  'certificate-malformed': otherCollateral,
  'chain-untrusted': `${stop} If it is of a development deployment, give its root with --root.`,
  'certificate-expired':
    'Check the time given by --at and the clock of this machine. A platform past its certificate has to be registered anew.',
  'crl-untrusted': otherCollateral,
  'crl-expired': `${otherCollateral} To judge as of another day, give that day with --at.`,
  'collateral-malformed': otherCollateral,
  'collateral-untrusted': otherCollateral,
  'collateral-expired': `${otherCollateral} To judge as of another day, give that day with --at.`,
  'collateral-mismatch': 'The collateral is of another platform. Fetch it for the FMSPC and the CA of this quote.',
  'collateral-unavailable': 'Check the network and --pccs, or give a folder with --collateral; then run it again.',
  'tcb-not-supported':
    'Intel lists no TCB level as low as this one. The owner of the machine has to update BIOS, microcode and TDX module; until then it proves nothing.',
  'evidence-malformed': 'This is not a document that is known here. Take it again, word for word, from the worker.',
  'evidence-unavailable': 'Check the address and that the worker runs; then run it again.',
  'report-data-mismatch': `${stop} If you asked for the evidence with another nonce, give that one.`,
  'connection-mismatch': `${stop} Whoever ends TLS in its place reads what you send. If you asked over http, ask the https address.`,
  'keyset-expired': 'Ask the worker for evidence again. If it still shows these keys, its owner has to restart it.',
  'event-log-malformed': 'The quote is genuine, its event log cannot be read. Whoever runs the worker has to fix what is named above.',
  'policy-malformed': 'Fix the policy file.',
  'policy-refused': 'Fix the worker, or the policy.',
}

/** What to do where a quote or its evidence was not believed. */
export function whatToDo(code: AttestationErrorCode): string {
  return particular[code] ?? general[adviceFor(code)]
}

/** What a TCB status means to who relies on it. */
export const meaningOf: Readonly<Record<TcbStatus, string>> = {
  UpToDate: 'every fix that Intel has published is in place',
  SWHardeningNeeded: 'known weaknesses have to be worked around by the software inside',
  ConfigurationNeeded: 'the machine’s BIOS settings leave a known weakness open',
  ConfigurationAndSWHardeningNeeded: 'BIOS settings and the software inside have to close known weaknesses',
  OutOfDate: 'fixes that Intel has published are missing',
  OutOfDateConfigurationNeeded: 'fixes that Intel has published are missing, and BIOS settings leave a known weakness open',
  Revoked: 'Intel has withdrawn its trust in this platform',
  TDRelaunchAdvised: 'the machine was updated while the TD ran; started again, the TD would be up to date',
  TDRelaunchAdvisedConfigurationNeeded: 'the machine was updated while the TD ran; start the TD again and fix the BIOS settings',
}
