import pino from 'pino'
import { build as pretty } from 'pino-pretty'
import { toDollars } from '../core/price.ts'
import type { Receipt } from '../core/receipt.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'

export interface LogOptions {
  readonly level: string
  readonly format: 'auto' | 'json' | 'pretty'
  readonly isTerminal: boolean
  /** File descriptor; standard error keeps a command's own output clean. */
  readonly destination?: number
}

/** JSON, one object a line, on standard output; readable lines in a terminal. Never holds prompts or replies. */
export function createLogger({ level, format, isTerminal, destination = 1 }: LogOptions) {
  const readable = format === 'pretty' || (format === 'auto' && isTerminal)
  const options: pino.LoggerOptions = { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime }
  if (!readable) return pino(options, pino.destination(destination))
  // What comes from outside (the words of a model server, a path) must not look like another line, nor move the cursor.
  const hooks: pino.LoggerOptions['hooks'] = {
    logMethod(values, method) {
      const plain = values.map((value) => (typeof value === 'string' ? escaped(value) : value))
      method.apply(this, plain as typeof values)
    },
  }
  return pino(
    { ...options, hooks },
    pretty({ destination, colorize: isTerminal, sync: true, translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname' }),
  )
}

/** Control characters, and what else ends a line, as they are written in JSON. */
function escaped(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\u2028\u2029]/gu,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The line of the request log for one closed request. */
export function requestLine(receipt: Receipt): Record<string, unknown> {
  return {
    requestId: receipt.id,
    dialect: receipt.dialect,
    status: receipt.status,
    ...(receipt.errorCode === '' ? {} : { code: receipt.errorCode }),
    model: receipt.model,
    backend: receipt.backend,
    cache: receipt.cache,
    complexity: receipt.complexity,
    degraded: receipt.degraded,
    inputTokens: inputTokens(receipt.usage),
    outputTokens: outputTokens(receipt.usage),
    costDollars: receipt.cost === undefined ? 'unknown' : toDollars(receipt.cost),
    firstContentMs: receipt.firstContentMs,
    durationMs: receipt.durationMs,
    promptHash: receipt.promptHash.slice(0, 16),
  }
}
