export { LinkError } from './errors.ts'
export { SenderSessions } from './sender-sessions.ts'
export { type AnswerSink, type LinkCall, type Outgoing, WorkerLink, type WorkerLinkOptions } from './worker-link.ts'
