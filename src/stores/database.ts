import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { openPostgresLedger } from './postgres.ts'
import { openSpooled } from './spooled.ts'
import { openSqliteLedger } from './sqlite.ts'
import type { LedgerStore } from './store.ts'

export interface DatabaseOptions {
  readonly url?: string | undefined
  readonly pool_size: number
  readonly timeout_ms: number
  readonly spool_bytes: number
  /** A file for the time in which the database is away. */
  readonly spoolPath: string
  readonly say: (level: 'info' | 'warn', message: string) => void
}

/** The ledger in PostgreSQL, with a file that takes over while it is away. */
export async function openDatabaseLedger(options: DatabaseOptions): Promise<LedgerStore> {
  const { url = '', pool_size: poolSize, timeout_ms: timeoutMs, spool_bytes: maxBytes, spoolPath, say } = options
  mkdirSync(dirname(spoolPath), { recursive: true })
  const { host, pathname } = new URL(url)
  return await openSpooled({
    openMain: () => openPostgresLedger({ url, poolSize, timeoutMs }),
    spool: await openSqliteLedger(spoolPath, maxBytes),
    name: `PostgreSQL at ${host}${pathname}`,
    say,
  })
}
