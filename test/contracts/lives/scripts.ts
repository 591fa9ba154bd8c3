/** Lives that are not left to chance. */
import { costs } from './scripts/costs.ts'
import { wrong } from './scripts/faults.ts'
import { rules } from './scripts/rules.ts'
import type { Step } from './steps.ts'

export const scripts: Record<string, readonly Step[]> = { ...rules, ...wrong, ...costs }
