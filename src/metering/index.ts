export { PriceTable, type PriceVector, toVector } from './price-table.ts'
export { completionBound, promptBound, type WorstCase, type WorstCaseInput, worstCase } from './worst-case.ts'
