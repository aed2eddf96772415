import type { FastifyInstance } from 'fastify'

/** Lets pages of the listed origins call the gateway (`*` for all). With an empty list nothing is sent: off. */
export function addCors(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return

  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers
    if (origin === undefined || !(origins.includes(origin) || origins.includes('*'))) return
    reply.header('access-control-allow-origin', origin)
    reply.header('vary', 'origin')
    reply.header(
      'access-control-expose-headers',
      'x-request-id, x-hybrid-model, x-hybrid-backend, x-hybrid-cost, retry-after',
    )
    if (request.method !== 'OPTIONS') return
    reply.header('access-control-allow-methods', 'GET, POST')
    reply.header(
      'access-control-allow-headers',
      request.headers['access-control-request-headers'] ?? 'content-type, authorization',
    )
    reply.header('access-control-max-age', '600')
    await reply.code(204).send()
  })
}
