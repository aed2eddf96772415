import type { Gateways } from '../redis/gateways.ts'
import type { Redis } from '../redis/redis.ts'
import { Limits, type LimitsOptions } from './limits.ts'
import { memoryLimiter } from './memory.ts'
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
  readonly gateways: Gateways
  readonly refused: NonNullable<LimitsOptions['refused']>
}

export function openLimits({ config, redis, gateways, refused }: OpenLimitsOptions): Limits {
  return new Limits({
    rate: config.rate,
    tokensPerMinute: config.tokens_per_minute,
    parallel: config.parallel,
    address: { rate: config.address.rate, parallel: config.address.parallel },
    local: memoryLimiter(),
    shared: redis === undefined ? undefined : redisLimiter(redis),
    gateways: () => gateways.count,
    refused,
  })
}
