import { existsSync } from 'node:fs'
import { copyFile, rename, rm } from 'node:fs/promises'
import { backup, DatabaseSync } from 'node:sqlite'
import { GatewayError } from '../core/errors.ts'

/** What belongs to a ledger file of SQLite beside the file itself. */
const parts = ['', '-wal', '-shm']

/** Copies a ledger file while the gateway goes on writing to it; the copy is whole, or it is not there. */
export async function backUpLedger(ledger: string, to: string): Promise<void> {
  if (!existsSync(ledger)) throw new GatewayError('not_found', `there is no ${ledger}: nothing was recorded yet`)
  if (existsSync(to)) throw new GatewayError('invalid_request', `${to} is there already: name another file`)
  const half = `${to}.part`
  await rm(half, { force: true })
  const db = new DatabaseSync(ledger, { readOnly: true })
  try {
    await backup(db, half)
  } finally {
    db.close()
  }
  checkLedger(half)
  await rename(half, to)
}

/** Puts a copy in the place of the ledger file; what was there is kept beside it, and its new name is returned. */
export async function restoreLedger(from: string, ledger: string, at: Date): Promise<string | undefined> {
  checkLedger(from)
  const half = `${ledger}.restored`
  await copyFile(from, half)
  checkLedger(half)
  const kept = `${ledger}.before-${at.toISOString().replaceAll(/[:.]/g, '-')}`
  const had = existsSync(ledger)
  for (const part of parts) if (existsSync(ledger + part)) await rename(ledger + part, kept + part)
  await rename(half, ledger)
  return had ? kept : undefined
}

/** Throws where the file is no ledger, or is damaged. */
function checkLedger(path: string): void {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { readOnly: true })
    const verdict = db.prepare('PRAGMA integrity_check(1)').get() as { readonly integrity_check?: string } | undefined
    if (verdict?.integrity_check !== 'ok') throw new Error(verdict?.integrity_check ?? 'it cannot be read')
    db.prepare('SELECT count(*) FROM requests LIMIT 1').get()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new GatewayError('invalid_request', `${path} is no whole ledger (${reason})`)
  } finally {
    db?.close()
  }
}
