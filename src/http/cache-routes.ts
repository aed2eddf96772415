import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { OpenedSemanticCache } from '../semantic-cache/open.ts'
import type { AuditStore } from '../stores/store.ts'
import { type AdminRoute, adminRoute } from './admin-routes.ts'

const change = z.strictObject({ semantic: z.boolean().describe('Whether the semantic cache answers.') })

/** What the caches hold, and the switch of the semantic one. */
export function cacheRoutes(
  exact: () => { readonly bytes: number },
  opened: () => OpenedSemanticCache | undefined,
  audit: AuditStore,
): readonly AdminRoute[] {
  const must = () => {
    const semantic = opened()
    const cache = semantic?.current()
    if (cache !== undefined) return cache
    const message =
      semantic === undefined ? 'it is off: set semantic_cache.enabled: true' : 'the semantic cache is not ready yet'
    throw new GatewayError('not_found', message)
  }
  const state = async () => {
    const semantic = opened()
    const cache = semantic?.current()
    return {
      exact: { bytes: exact().bytes },
      semantic:
        cache === undefined
          ? { answers: false, reason: semantic === undefined ? 'semantic_cache.enabled is false' : 'not ready yet' }
          : {
              answers: cache.off === '',
              reason: cache.off,
              where: cache.description,
              entries: await cache.size(),
              ...cache.checks,
            },
    }
  }
  const keep = (actor: { id: string; name: string; address: string }, action: string, target: string) =>
    audit.append({
      at: Date.now(),
      actor: actor.id,
      actorName: actor.name,
      action,
      target,
      address: actor.address,
      details: [],
    })
  return [
    adminRoute({ method: 'GET', path: '/cache', summary: 'What the caches hold.', handle: state }),
    adminRoute({
      method: 'POST',
      path: '/cache',
      summary: 'Switches the semantic cache on or off until the next start.',
      body: change,
      handle: async ({ body, actor }) => {
        const cache = must()
        if (body.semantic) cache.switchOn()
        else cache.switchOff('an administrator switched it off')
        await keep(actor, body.semantic ? 'cache.on' : 'cache.off', 'semantic')
        return await state()
      },
    }),
    adminRoute({
      method: 'DELETE',
      path: '/cache/:id',
      summary: 'Forgets an entry of the semantic cache (`x-hybrid-cache-id`).',
      handle: async ({ params: { id = '' }, actor }) => {
        if (!(await must().evict(id)))
          throw new GatewayError('not_found', `there is no entry ${id.slice(0, 40)}`, { field: 'id' })
        await keep(actor, 'cache.evict', id.slice(0, 40))
        return { id, forgotten: true }
      },
    }),
  ]
}
