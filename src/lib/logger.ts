/**
 * Structured logs on standard output. A log line is about a request, never about what it says: callers pass ids, counts,
 * codes and durations, and no prompt, answer or key. Lines are gathered and written in the background,
 * at least once a second, and at the exit.
 */
import pino from 'pino'
import { LogWriter } from './log-writer.ts'

export type Logger = pino.Logger

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent'

/** A logger for one role (`proxy`, `worker`, ...); `simulated: true` stands in every line of a development deployment. */
export function createLogger(options: { role: string; level: LogLevel; simulated: boolean }): Logger {
  const base = { role: options.role, pid: process.pid, ...(options.simulated ? { simulated: true } : {}) }
  const logger = pino({ level: options.level, base, timestamp: pino.stdTimeFunctions.isoTime }, new LogWriter(1))
  setInterval(() => logger.flush(), 1_000).unref()
  return logger
}

/** A logger that writes nothing. */
export const silentLogger: Logger = pino({ level: 'silent' })
