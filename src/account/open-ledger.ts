import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from '../core/start-error.ts'
import type { LedgerStore } from '../stores/store.ts'

export interface OpenLedgerOptions {
  /** Opens the database, where one is configured; `spoolPath` is a file for the time in which it is away. */
  readonly openDatabase: ((spoolPath: string) => Promise<LedgerStore>) | undefined
  readonly dataDir: string
  readonly required: boolean
  readonly openFile: (path: string) => Promise<LedgerStore>
  readonly openMemory: () => Promise<LedgerStore>
  readonly say: (level: 'info' | 'warn' | 'error', message: string) => void
}

/**
 * The ledger file; where it cannot be had, memory, unless the operator requires the file. A damaged file is put aside
 * and kept. A file of a newer version is never touched.
 */
export async function openLedgerStore(options: OpenLedgerOptions): Promise<LedgerStore> {
  const { dataDir, required, openFile, openMemory, say } = options
  if (options.openDatabase !== undefined) return await openDatabase(options.openDatabase, options)
  const path = join(dataDir, 'ledger.sqlite')
  try {
    return await openOrReplace(path, openFile, say)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (/newer version|was changed/.test(reason)) throw new StartError(`${path}: ${reason}`)
    if (required) throw new StartError(`the ledger ${path} cannot be written (${reason}), and ledger.required is true`)
    say(
      'warn',
      `the ledger ${path} cannot be written (${reason}): requests are answered, but their record is gone when this process ends; set HYBRID_DATA_DIR to a folder that can be written`,
    )
    return openMemory()
  }
}

async function openDatabase(
  open: (spoolPath: string) => Promise<LedgerStore>,
  { dataDir, required }: OpenLedgerOptions,
): Promise<LedgerStore> {
  try {
    const store = await open(join(dataDir, 'spool.sqlite'))
    const trouble = store.trouble?.() ?? ''
    if (trouble === '' || !required) return store
    await store.close()
    throw new StartError(`${store.description} cannot be written (${trouble}), and ledger.required is true`)
  } catch (error) {
    if (error instanceof StartError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartError(`the database of the ledger (database.url, DATABASE_URL): ${reason}`)
  }
}

async function openOrReplace(
  path: string,
  openFile: (path: string) => Promise<LedgerStore>,
  say: OpenLedgerOptions['say'],
): Promise<LedgerStore> {
  try {
    return await openFile(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (!/damaged|malformed|not a database/.test(reason)) throw error

    const aside = `${path}.damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`
    renameSync(path, aside)
    for (const companion of ['-wal', '-shm']) {
      if (existsSync(path + companion)) renameSync(path + companion, aside + companion)
    }
    say('error', `the ledger ${path} is damaged (${reason}): it was kept as ${aside}, and a new one begins`)
    return openFile(path)
  }
}
