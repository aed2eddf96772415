import { openMemoryLedger } from './memory.ts'
import { openSqliteLedger } from './sqlite.ts'
import type { LedgerStore } from './store.ts'

/** Every driver of the ledger. The contract suite runs over this list. */
export const ledgerDrivers: readonly {
  readonly name: string
  readonly open: (path: string) => Promise<LedgerStore>
}[] = [
  { name: 'sqlite', open: openSqliteLedger },
  { name: 'memory', open: () => openMemoryLedger() },
]
