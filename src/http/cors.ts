import type { FastifyInstance } from 'fastify'

/** What a page may read of an answer beside its body. */
const exposed = [
  ...[
    'model',
    'backend',
    'complexity',
    'cost',
    'cached',
    'cache-id',
    'cache-similarity',
    'degraded',
    'reasoning',
    'warning',
    'request-id',
  ].map((name) => `x-hybrid-${name}`),
  ...['x-request-id', 'request-id', 'retry-after', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
].join(', ')

/** Lets pages of the listed origins call the gateway (`*` for all). With an empty list nothing is sent: off. */
export function addCors(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return

  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers
    if (origin === undefined || !(origins.includes(origin) || origins.includes('*'))) return
    reply.header('access-control-allow-origin', origin)
    reply.header('vary', 'origin')
    reply.header('access-control-expose-headers', exposed)
    if (request.method !== 'OPTIONS') return
    reply.header('access-control-allow-methods', 'GET, POST, DELETE')
    reply.header(
      'access-control-allow-headers',
      request.headers['access-control-request-headers'] ?? 'content-type, authorization',
    )
    reply.header('access-control-max-age', '600')
    await reply.code(204).send()
  })
}
