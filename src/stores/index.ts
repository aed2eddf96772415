import { openMemoryLedger } from './memory.ts'
import { openPostgresLedger } from './postgres.ts'
import { openSqliteLedger } from './sqlite.ts'
import type { LedgerStore } from './store.ts'

/** Every driver of the ledger. The contract suite runs over this list. */
export const ledgerDrivers: readonly {
  readonly name: string
  /** What `place` is: the path of a file, the address of a server, or nothing. */
  readonly where: 'file' | 'server' | 'memory'
  readonly open: (place: string) => Promise<LedgerStore>
}[] = [
  { name: 'sqlite', where: 'file', open: (path) => openSqliteLedger(path) },
  { name: 'memory', where: 'memory', open: () => openMemoryLedger() },
  {
    name: 'postgresql',
    where: 'server',
    open: (url) => openPostgresLedger({ url, poolSize: 4, timeoutMs: 10_000 }),
  },
]
