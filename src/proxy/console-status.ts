/** Gathers what the status page shows. */
import type { Status } from '../console/index.ts'
import { otherUnits } from '../envelope/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Clock } from '../lib/clock.ts'
import type { Fleet } from './fleet.ts'

const channelStates = ['new', 'open', 'closing', 'closed']

export function consoleStatus(sources: {
  ledger: Ledger
  fleet: Fleet
  clock: Clock
  simulated: boolean
  baseUrl: string
  obstacles: readonly string[]
}): Status {
  const { ledger, fleet, clock, ...rest } = sources
  return {
    ...rest,
    now: clock.now(),
    accounts: ledger.channels().map(({ address, status }) => ({ ...ledger.account(address)!, state: channelStates[status] ?? 'unknown' })),
    workers: fleet.statuses().map(({ id, url, state, lease, running, pay }) => ({
      id,
      url,
      running,
      pay,
      status: state.status,
      reasons: state.reasons.map(String),
      checks: state.checks,
      verifiedAt: state.verifiedAt,
      expiresAt: state.expiresAt,
      models: lease?.keyset.models.map(model => model.id) ?? [],
      tcbStatus: lease?.facts.status,
      evidence: lease?.keysetDigest,
    })),
    requests: ledger.recent(20).map(({ rid, at, model, worker, usage, cost, finish }) => ({
      rid,
      at,
      model,
      worker,
      cost,
      finish: finish ?? 'broken',
      prompt: usage.prompt + usage.cached,
      completion: usage.completion + usage.reasoning,
      others: otherUnits.flatMap(unit => (usage[unit] ? [`${usage[unit]} ${unit}`] : [])).join(', '),
    })),
  }
}
