import type { Gateways } from '../redis/gateways.ts'
import type { Redis } from '../redis/redis.ts'
import type { Limiter } from './limiter.ts'
import { Limits, type LimitsOptions } from './limits.ts'
import { redisLimiter } from './redis.ts'

export interface OpenLimitsOptions {
  /** `limits` of the configuration. */
  readonly config: {
    readonly rate: string
    readonly tokens_per_minute?: number | undefined
    readonly parallel?: number | undefined
    readonly address: { readonly rate: string; readonly parallel?: number | undefined }
  }
  readonly redis: Redis | undefined
  /** Counts for this gateway alone. */
  readonly local: Limiter
  readonly gateways: Gateways
  readonly refused: NonNullable<LimitsOptions['refused']>
}

export function openLimits({ config, redis, gateways, local, refused }: OpenLimitsOptions): Limits {
  return new Limits({
    rate: config.rate,
    tokensPerMinute: config.tokens_per_minute,
    parallel: config.parallel,
    address: { rate: config.address.rate, parallel: config.address.parallel },
    local,
    shared: redis === undefined ? undefined : redisLimiter(redis),
    gateways: () => gateways.count,
    refused,
  })
}
