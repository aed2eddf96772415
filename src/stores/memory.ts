import { openSqliteLedger } from './sqlite.ts'
import type { LedgerStore } from './store.ts'

/** A ledger that is gone with the process: for tests, and for going on when no file can be written. */
export function openMemoryLedger(): Promise<LedgerStore> {
  return openSqliteLedger(':memory:')
}
