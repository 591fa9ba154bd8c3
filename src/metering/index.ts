export { audioSeconds } from './audio.ts'
export { PriceTable, type PriceVector, toVector } from './price-table.ts'
export { type WorstCase, type WorstCaseInput, worstCase } from './worst-case.ts'
