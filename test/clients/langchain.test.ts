import { langchain } from './support/langchain.ts'
import { runMatrix } from './support/run.ts'

runMatrix(langchain)
