import { aiSdk } from './support/ai-sdk.ts'
import { runMatrix } from './support/run.ts'

runMatrix(aiSdk)
