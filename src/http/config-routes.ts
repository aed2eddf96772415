import type { Actor } from '../keys/key-ring.ts'
import { type AdminRoute, adminRoute } from './admin-routes.ts'

type Reload = (actor: Actor) => Promise<{ readonly changed: readonly string[]; readonly warnings: readonly string[] }>

/** The configuration, while the gateway runs. */
export function configRoutes(reload: Reload): readonly AdminRoute[] {
  return [
    adminRoute({
      method: 'POST',
      path: '/reload',
      summary: 'Reads the configuration anew, as SIGHUP does: all of it counts from then on, or nothing has changed.',
      handle: ({ actor }) => reload(actor),
    }),
  ]
}
