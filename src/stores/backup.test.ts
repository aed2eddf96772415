import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { receipt } from '../../test/fixtures/receipt.ts'
import { backUpLedger, restoreLedger } from './backup.ts'
import { openSqliteLedger } from './sqlite.ts'

test('a copy that was made while rows were written brings all back that were there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hybrid-backup-'))
  const [path, copy] = [join(folder, 'ledger.sqlite'), join(folder, 'copy.sqlite')]
  try {
    const ledger = await openSqliteLedger(path)
    await ledger.write(Array.from({ length: 500 }, (_, index) => receipt({ id: `a${index}`, rowId: `a${index}` })))
    const writing = ledger.write([receipt({ id: 'later', rowId: 'later' })])
    await backUpLedger(path, copy)
    await writing
    await assert.rejects(backUpLedger(path, copy), /is there already/)
    await ledger.write([receipt({ id: 'lost', rowId: 'lost' })])
    await ledger.close()

    const kept = await restoreLedger(copy, path, new Date())
    const restored = await openSqliteLedger(path)
    assert.deepEqual([(await restored.find('a499'))?.id, await restored.find('lost')], ['a499', undefined])
    await restored.close()
    assert.ok(readdirSync(folder).some((name) => join(folder, name) === kept))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('what is no whole ledger is not put in place of one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hybrid-backup-'))
  const path = join(folder, 'ledger.sqlite')
  try {
    const ledger = await openSqliteLedger(path)
    await ledger.write(Array.from({ length: 200 }, (_, index) => receipt({ id: `a${index}`, rowId: `a${index}` })))
    await ledger.close()
    const [torn, text] = [join(folder, 'torn'), join(folder, 'text')]
    await backUpLedger(path, torn)
    truncateSync(torn, 40_000)
    writeFileSync(text, 'hello')
    for (const bad of [torn, text, join(folder, 'absent')]) {
      await assert.rejects(restoreLedger(bad, path, new Date()), /is no whole ledger/)
    }
    const still = await openSqliteLedger(path)
    assert.equal((await still.find('a1'))?.id, 'a1')
    await still.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
