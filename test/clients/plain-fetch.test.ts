import { plainFetch } from './support/plain-fetch.ts'
import { runMatrix } from './support/run.ts'

runMatrix(plainFetch)
