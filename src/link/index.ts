export { LinkError } from './errors.ts'
export { SenderSessions } from './sender-sessions.ts'
export { type AnswerSink, type LinkCall, WorkerLink, type WorkerLinkOptions } from './worker-link.ts'
