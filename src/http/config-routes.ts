import type { Actor } from '../keys/key-ring.ts'
import { type AdminRoute, adminRoute } from './admin-routes.ts'

type Reload = (actor: Actor) => Promise<{ readonly changed: readonly string[]; readonly warnings: readonly string[] }>

/** Which configuration counts, and what became of the last try to change it. */
export interface ConfigState {
  /** Of everything that it says, secrets left out. */
  readonly digest: string
  /** Milliseconds since 1970. */
  readonly since: number
  readonly file: string | undefined
  readonly lastError: string
  /** With references in place of secrets. */
  readonly printable: unknown
}

/** The configuration, while the gateway runs. */
export function configRoutes(state: () => ConfigState, reload: Reload): readonly AdminRoute[] {
  return [
    adminRoute({
      method: 'GET',
      path: '/config',
      summary: 'The configuration that counts, since when, and why the last reload was refused, where it was.',
      handle: () => {
        const { digest, since, file, lastError, printable } = state()
        return { digest, since: new Date(since).toISOString(), file, last_error: lastError, config: printable }
      },
    }),
    adminRoute({
      method: 'POST',
      path: '/reload',
      summary: 'Reads the configuration anew, as SIGHUP does: all of it counts from then on, or nothing has changed.',
      handle: ({ actor }) => reload(actor),
    }),
  ]
}
