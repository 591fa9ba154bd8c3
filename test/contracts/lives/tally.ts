/** What the random lives went through: steps, messages by operation and outcome, invariants looked at. */
import type { Receipt } from '../machine.ts'

export class Tally {
  steps = 0
  messages = 0
  /** By operation and exit code; `no-gas` and `unpaid` where the chain stopped before or after the contract. */
  readonly outcomes = new Map<string, Map<string, number>>()
  readonly invariants = new Map<string, number>()

  step(): void {
    this.steps++
  }

  message(op: string, { exitCode, actionCode }: Receipt): void {
    this.messages++
    const outcome = exitCode === undefined ? 'none' : exitCode === 0 && (actionCode ?? 0) !== 0 ? 'unpaid' : String(exitCode)
    const outcomes = this.outcomes.get(op) ?? new Map<string, number>()
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    this.outcomes.set(op, outcomes)
  }

  invariant(name: string): void {
    this.invariants.set(name, (this.invariants.get(name) ?? 0) + 1)
  }

  /** Everything as lines of text. */
  report(): string {
    const checks = [...this.invariants.values()].reduce((sum, count) => sum + count, 0)
    const lines = [`${this.steps} steps, ${this.messages} messages, ${checks} checks of ${this.invariants.size} invariants`]
    for (const [op, outcomes] of [...this.outcomes].sort(([a], [b]) => a.localeCompare(b))) {
      const accepted = outcomes.get('0') ?? 0
      const others = [...outcomes].filter(([outcome]) => outcome !== '0').sort(([, a], [, b]) => b - a)
      const refused = others.reduce((sum, [, count]) => sum + count, 0)
      lines.push(
        `  ${op}: ${accepted} accepted, ${refused} refused (${others.map(([outcome, count]) => `${outcome}: ${count}`).join(', ')})`,
      )
    }
    return lines.join('\n')
  }
}
