export { ConsoleAccess } from './access.ts'
export { type ConsoleOptions, createConsole } from './app.ts'
export type { AccountStatus, RequestStatus, Status, WorkerStatus } from './pages.ts'
