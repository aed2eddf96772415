import { randomUUID } from 'node:crypto'

/**
 * The caller's own `x-request-id` where it is plain (so that one id runs through all of its systems), else a new one.
 * A plain id holds nothing that could forge a line of a log or a header.
 */
export function requestIdOf(headers: Readonly<Record<string, string | string[] | undefined>>): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : randomUUID()
}
