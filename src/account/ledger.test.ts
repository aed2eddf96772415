import assert from 'node:assert/strict'
import { test } from 'node:test'
import { receipt } from '../../test/fixtures/receipt.ts'
import type { Receipt } from '../core/receipt.ts'
import { openMemoryLedger } from '../stores/memory.ts'
import { Ledger } from './ledger.ts'

test('a row that was opened and closed between two flushes is written once', async () => {
  const { ledger, written } = await openLedger()
  ledger.record(receipt({ id: 'a', status: 'open' }))
  ledger.record(receipt({ id: 'a', status: 'answered' }))
  await ledger.flush()
  assert.deepEqual(written, [['a']])
  await ledger.close()
})

test('rows are carried over by themselves', async () => {
  const { ledger, store } = await openLedger({ flushMs: 10 })
  ledger.record(receipt({ id: 'a' }))
  // The timer alone keeps no process alive.
  const alive = setInterval(() => {}, 5)
  while ((await store.find('a')) === undefined) await new Promise((next) => setTimeout(next, 5))
  clearInterval(alive)
  assert.equal(ledger.pendingRows, 0)
  await ledger.close()
})

test('rows are carried over by themselves after a flush that had nothing to do', async () => {
  const { ledger, store } = await openLedger({ flushMs: 10 })
  await ledger.flush()
  ledger.record(receipt({ id: 'a' }))
  const alive = setInterval(() => {}, 5)
  while ((await store.find('a')) === undefined) await new Promise((next) => setTimeout(next, 5))
  clearInterval(alive)
  await ledger.close()
})

test('while the disk is full rows wait, it is said once, and nothing is lost', async () => {
  const { ledger, disk, store, said } = await openLedger()
  disk.full = true
  for (let index = 0; index < 50; index++) {
    ledger.record(receipt({ id: String(index) }))
    await ledger.flush()
  }
  assert.equal(ledger.pendingRows, 50)
  assert.match(ledger.failure, /disk is full/)
  assert.equal(said.length, 1)
  disk.full = false
  await ledger.flush()
  assert.deepEqual([ledger.pendingRows, ledger.failure, ledger.droppedRows], [0, '', 0])
  assert.equal((await store.stats(0)).groups[0]?.requests, 50)
  assert.match(said[1] ?? '', /can be written again/)
  await ledger.close()
})

test('what waits is bounded: the oldest rows go, counted and said once', async () => {
  const { ledger, disk, said } = await openLedger({ maxPendingRows: 10 })
  disk.full = true
  for (let index = 0; index < 25; index++) ledger.record(receipt({ id: String(index) }))
  await ledger.flush()
  assert.deepEqual([ledger.pendingRows, ledger.droppedRows], [10, 15])
  assert.equal(said.filter((line) => line.includes('dropped')).length, 1)
  disk.full = false
  await ledger.close()
})

test('a row that is recorded while it is being written is written again', async () => {
  const { ledger, store } = await openLedger()
  ledger.record(receipt({ id: 'a', status: 'open' }))
  const flushing = ledger.flush()
  ledger.record(receipt({ id: 'a', status: 'answered' }))
  await flushing
  await ledger.flush()
  assert.equal((await store.find('a'))?.status, 'answered')
  await ledger.close()
})

test('many that look at once wait for one and the same write (litellm #19555)', async () => {
  const { ledger, written } = await openLedger()
  ledger.record(receipt({ id: 'a' }))
  const first = ledger.flush()
  ledger.record(receipt({ id: 'b' }))
  await Promise.all([first, ...Array.from({ length: 51 }, () => ledger.flush())])
  assert.deepEqual(written.flat().toSorted(), ['a', 'b'])
  assert.equal(ledger.pendingRows, 0)
  await ledger.close()
})

async function openLedger(options: { flushMs?: number; maxPendingRows?: number } = {}) {
  const store = await openMemoryLedger()
  const disk = { full: false }
  const written: string[][] = []
  const said: string[] = []
  const write = async (rows: readonly Receipt[]) => {
    if (disk.full) throw new Error('database or disk is full')
    written.push(rows.map(({ id }) => id))
    await store.write(rows)
  }
  const ledger = new Ledger(
    { ...store, write },
    { flushMs: 10_000, maxPendingRows: 1000, say: (_level, message) => said.push(message), ...options },
  )
  return { ledger, store, disk, written, said }
}
