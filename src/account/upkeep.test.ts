import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { receipt } from '../../test/fixtures/receipt.ts'
import { openMemoryLedger } from '../stores/memory.ts'
import { openSqliteLedger } from '../stores/sqlite.ts'
import type { LedgerStore, PruneOptions } from '../stores/store.ts'
import { Upkeep } from './upkeep.ts'

const day = 86_400_000
const now = () => 100 * day

const rowsAt = (name: string, startedAt: number, count: number) =>
  Array.from({ length: count }, (_, index) => receipt({ id: `${name} ${index}`, startedAt: startedAt + index }))

const upkeepOf = (store: LedgerStore, more: { maxRows?: number; said?: string[] } = {}) =>
  new Upkeep({
    store,
    retentionDays: 90,
    maxRows: more.maxRows ?? 1_000_000,
    say: (_level, message) => more.said?.push(message),
    now,
  })

describe('old rows', () => {
  test('go in small batches, between which others write (litellm #21908 read them into memory)', async (context) => {
    const store = await openMemoryLedger()
    context.after(store.close)
    await store.write([...rowsAt('old', 0, 4500), ...rowsAt('young', 50 * day, 10)])
    const batches: number[] = []
    const prune = async (options: PruneOptions) => {
      const deleted = await store.prune(options)
      batches.push(deleted)
      await store.write(rowsAt(`meanwhile ${batches.length}`, 60 * day, 1))
      return deleted
    }
    const upkeep = upkeepOf({ ...store, prune })
    await upkeep.run()
    await upkeep.close()
    assert.deepEqual(batches, [2000, 2000, 500])
    assert.equal((await store.page({ limit: 1000 })).length, 13)
    assert.equal((await store.stats(0)).groups[0]?.requests, 4513)
  })

  test('go where there are too many, the oldest first (commonly #468)', async (context) => {
    const store = await openMemoryLedger()
    context.after(store.close)
    for (let hour = 0; hour < 10; hour++) await store.write(rowsAt(`${hour}`, 50 * day + hour * 3_600_000, 100))
    const upkeep = upkeepOf(store, { maxRows: 350 })
    await upkeep.run()
    await upkeep.close()
    const left = await store.page({ limit: 1000 })
    assert.deepEqual([left.length, left[0]?.id], [300, '7 0'])
  })

  test('leave their place in the file to new ones', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'upkeep-'))
    const path = join(folder, 'ledger.sqlite')
    let store = await openSqliteLedger(path)
    context.after(() => rmSync(folder, { recursive: true, force: true }))
    const sizes: number[] = []
    for (let round = 0; round < 4; round++) {
      await store.write(rowsAt(`${round}`, 0, 3000))
      const upkeep = upkeepOf(store)
      await upkeep.run()
      await upkeep.close()
      await store.close()
      sizes.push(statSync(path).size)
      store = await openSqliteLedger(path)
    }
    await store.close()
    const [first = 0, , , last = 0] = sizes
    assert.ok(last < first * 1.2, sizes.join(', '))
  })

  test('stay while the ledger cannot be written: it is said once, and nothing else fails', async () => {
    const said: string[] = []
    const store = await openMemoryLedger()
    let broken = true
    const prune = async (options: PruneOptions) => {
      if (broken) throw new Error('the disk is full')
      return await store.prune(options)
    }
    const upkeep = upkeepOf({ ...store, prune }, { said })
    await store.write(rowsAt('old', 0, 5))
    await upkeep.run()
    await upkeep.run()
    assert.deepEqual(said, ['old ledger rows cannot be deleted (the disk is full): tried again in a minute'])
    broken = false
    await upkeep.run()
    assert.equal((await store.page({ limit: 10 })).length, 0)
    await upkeep.close()
    await store.close()
  })

  test('who closes does not wait until all of them are gone', async (context) => {
    const store = await openMemoryLedger()
    context.after(store.close)
    await store.write(rowsAt('old', 0, 6001))
    let batches = 0
    const closing: Promise<void>[] = []
    const prune = async (options: PruneOptions) => {
      batches++
      closing.push(upkeep.close())
      return await store.prune(options)
    }
    const upkeep = upkeepOf({ ...store, prune })
    await upkeep.run()
    await Promise.all(closing)
    assert.equal(batches, 1)
    assert.equal((await store.page({ limit: 10_000 })).length, 4001)
  })
})
