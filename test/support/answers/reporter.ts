/** Says at the end of a run how many answers and events were checked, all test files together. */
import type { Reporter, TestModule } from 'vitest/node'

declare module 'vitest' {
  interface TaskMeta {
    checkedAnswers?: number
    checkedEvents?: number
  }
}

export default class AnswerReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const sum = (of: 'checkedAnswers' | 'checkedEvents') => modules.reduce((total, module) => total + (module.meta()[of] ?? 0), 0)
    const answers = sum('checkedAnswers')
    if (answers > 0) console.log(`Checked against their descriptions: ${answers} answers and ${sum('checkedEvents')} events of streams.\n`)
  }
}
