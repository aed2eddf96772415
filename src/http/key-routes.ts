import { GatewayError } from '../core/errors.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { changedKey, rotation, shownKey, toChanges, toNewKey, wantedKey } from '../keys/wanted-key.ts'
import type { AuditStore } from '../stores/store.ts'
import { type AdminRoute, adminRoute, limitOf } from './admin-routes.ts'

/** Keys, and the log of what administrators did. */
export function keyRoutes(keys: KeyRing, audit: AuditStore): readonly AdminRoute[] {
  return [
    adminRoute({
      method: 'POST',
      path: '/keys',
      summary: 'Makes a key. It is shown this once.',
      body: wantedKey,
      status: 201,
      handle: async ({ body, actor }) => {
        const { text, key } = await keys.create(toNewKey(body), actor)
        return { key: text, ...shownKey(key) }
      },
    }),
    adminRoute({
      method: 'GET',
      path: '/keys',
      summary: 'Every key, without the keys themselves.',
      handle: () => ({ keys: keys.list().map(shownKey) }),
    }),
    adminRoute({
      method: 'GET',
      path: '/keys/:id',
      summary: 'One key.',
      handle: ({ params: { id = '' } }) => {
        const key = keys.find(id)
        if (key === undefined)
          throw new GatewayError('not_found', `there is no key ${id.slice(0, 40)}`, { field: 'id' })
        return shownKey(key)
      },
    }),
    adminRoute({
      method: 'PATCH',
      path: '/keys/:id',
      summary: 'Changes what a key allows; what is left out stays.',
      body: changedKey,
      handle: async ({ params: { id = '' }, body, actor }) => shownKey(await keys.update(id, toChanges(body), actor)),
    }),
    adminRoute({
      method: 'DELETE',
      path: '/keys/:id',
      summary: 'Revokes a key: it is refused from now on.',
      handle: async ({ params: { id = '' }, actor }) => shownKey(await keys.revoke(id, actor)),
    }),
    adminRoute({
      method: 'POST',
      path: '/keys/:id/rotate',
      summary: 'A new key for the same holder, shown this once; the one before is taken for a while.',
      body: rotation,
      handle: async ({ params: { id = '' }, body, actor }) => {
        const { text, key } = await keys.rotate(id, body.grace_seconds, actor)
        return { key: text, ...shownKey(key) }
      },
    }),
    adminRoute({
      method: 'GET',
      path: '/audit',
      summary: 'What administrators did, newest first.',
      handle: async ({ query }) => ({
        entries: (await audit.recent(limitOf(query))).map(({ at, ...entry }) => ({
          at: new Date(at).toISOString(),
          ...entry,
        })),
      }),
    }),
  ]
}
