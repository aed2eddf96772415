import { z } from 'zod'
import type { UpstreamTimeouts } from './exchange.ts'

/** The time limits of every provider that speaks HTTP; only the defaults differ. */
export function timeoutOptions(defaults: { readonly firstByteMs: number; readonly idleMs: number }) {
  const milliseconds = z.number().int().min(1)
  return {
    connect_timeout_ms: milliseconds.default(5000).describe('Longest wait for a connection, in milliseconds.'),
    first_byte_timeout_ms: milliseconds
      .default(defaults.firstByteMs)
      .describe('Longest wait for the start of a reply, in milliseconds. Loading a local model counts.'),
    idle_timeout_ms: milliseconds
      .default(defaults.idleMs)
      .describe('Longest silence within a reply, in milliseconds, before it is taken for dead.'),
    keep_alive_timeout_ms: milliseconds
      .default(300_000)
      .describe('Longest time, in milliseconds, in which a server may send nothing but keep-alives.'),
  }
}

export function toTimeouts(options: {
  readonly connect_timeout_ms: number
  readonly first_byte_timeout_ms: number
  readonly idle_timeout_ms: number
  readonly keep_alive_timeout_ms: number
}): UpstreamTimeouts {
  return {
    connectTimeoutMs: options.connect_timeout_ms,
    firstByteTimeoutMs: options.first_byte_timeout_ms,
    idleTimeoutMs: options.idle_timeout_ms,
    keepAliveTimeoutMs: options.keep_alive_timeout_ms,
  }
}

/** Checks must not hang on a server that hangs. */
export function withinCheckTime(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(2000)])
}
