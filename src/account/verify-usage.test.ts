import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { receipt } from '../../test/fixtures/receipt.ts'
import { openSqliteLedger } from '../stores/sqlite.ts'
import { differingHours } from './verify-usage.ts'

const hour = 3_600_000

test('every hour is found whose sums somebody changed, and every day', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'verify-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'ledger.sqlite')
  const store = await openSqliteLedger(path)
  context.after(store.close)
  const found = async () => {
    const hours: number[] = []
    for await (const differing of differingHours(store)) hours.push(differing)
    return hours
  }
  assert.deepEqual(await found(), [])
  await store.write(
    Array.from({ length: 50 }, (_, index) => receipt({ id: `${index}`, startedAt: index * hour, cost: 5 })),
  )
  assert.deepEqual(await found(), [])
  // The older rows of the oldest hour may be deleted: it is not looked at.
  await store.prune({ before: 10 * hour, keep: 1_000_000, limit: 1000 })
  assert.deepEqual(await found(), [])

  const database = new DatabaseSync(path)
  database.exec(
    'UPDATE usage_hours SET cost = cost + 1 WHERE hour = 30; UPDATE usage_hours SET cost = cost - 1 WHERE hour = 31',
  )
  assert.deepEqual(await found(), [30, 31])
  database.exec("DELETE FROM requests WHERE id = '15'; UPDATE usage_days SET requests = 7 WHERE hour = 48")
  database.close()
  assert.deepEqual(await found(), [15, 30, 31, 48, 49])
})
