import { GatewayError } from '../core/errors.ts'
import type { RoutingWish } from '../core/request.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

const modes = ['auto', 'local-only', 'cloud-only'] as const

/** What the `x-hybrid-…` headers of a request ask of routing; undefined where there are none. Throws `invalid_request`. */
export function routingWishOf(headers: Headers): RoutingWish | undefined {
  const mode = textOf(headers, 'x-hybrid-policy')
  const known = modes.find((name) => name === mode?.toLowerCase())
  if (mode !== undefined && known === undefined) refuse('x-hybrid-policy', `one of ${modes.join(', ')}`)
  const quality = numberOf(headers, 'x-hybrid-quality', {
    over: 0,
    most: 1,
    wanted: 'a number over 0, at most 1, as 0.95',
  })
  const maxCost = numberOf(headers, 'x-hybrid-max-cost', { wanted: 'dollars, as 0.01' })
  const maxLatency = numberOf(headers, 'x-hybrid-max-latency', { over: 0, wanted: 'seconds, as 2.5' })
  const wish: RoutingWish = {
    ...(known !== undefined && { mode: known }),
    ...(quality !== undefined && { quality }),
    ...(maxCost !== undefined && { maxCost }),
    ...(maxLatency !== undefined && { maxLatency }),
  }
  return Object.keys(wish).length === 0 ? undefined : wish
}

interface Range {
  readonly over?: number
  readonly most?: number
  readonly wanted: string
}

function numberOf(headers: Headers, name: string, { over, most, wanted }: Range): number | undefined {
  const text = textOf(headers, name)
  if (text === undefined) return undefined
  const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN
  const outside = (over !== undefined && value <= over) || (most !== undefined && value > most)
  if (!Number.isFinite(value) || outside) refuse(name, wanted)
  return value
}

function textOf(headers: Headers, name: string): string | undefined {
  const value = headers[name]
  const text = (Array.isArray(value) ? value[0] : value)?.trim()
  return text === '' ? undefined : text
}

function refuse(field: string, wanted: string): never {
  throw new GatewayError('invalid_request', `the header ${field} must be ${wanted}, or be left out`, { field })
}
