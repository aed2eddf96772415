import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { receipt } from '../../test/fixtures/receipt.ts'
import { openMemoryLedger } from '../stores/memory.ts'
import { writeCsv, writeParquet } from './export.ts'

describe('the export', async () => {
  const store = await openMemoryLedger()
  const folder = mkdtempSync(join(tmpdir(), 'export-'))
  after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const rows = Array.from({ length: 4500 }, (_, index) =>
    receipt({
      id: `r${index}`,
      startedAt: 1000 + index,
      cost: index === 7 ? undefined : index,
      firstContentMs: undefined,
    }),
  )
  await store.write([...rows, receipt({ id: '=HYPERLINK("x")', startedAt: 50_000, reasoning: 'a "b",\r\nc' })])
  const all = { since: 0, until: Number.MAX_SAFE_INTEGER }

  test('CSV has every row once, and no formula', async () => {
    const file = join(folder, 'ledger.csv')
    assert.equal(await writeCsv(store, file, { since: 0, until: 40_000 }), 4500)
    const lines = readFileSync(file, 'utf8').trimEnd().split('\r\n')
    assert.equal(lines.length, 4501)
    const [names = '', first = ''] = lines
    assert.ok(first.startsWith(`r0,r0,1970-01-01T00:00:01.000Z,answered,`))
    const costAt = names.split(',').indexOf('cost_nanodollars')
    assert.deepEqual(
      [lines[8], lines[9]].map((line) => line?.split(',')[costAt]),
      ['', '8'],
    )
    assert.equal(await writeCsv(store, file, { since: 50_000, until: 50_001 }), 1)
    const text = readFileSync(file, 'utf8')
    assert.ok(text.includes(`"'=HYPERLINK(""x"")"`))
    assert.ok(text.includes('"a ""b"",\r\nc"'))
  })

  test('Parquet has every row once, with its types', async () => {
    const file = join(folder, 'ledger.parquet')
    assert.equal(await writeParquet(store, file, all), 4501)
    const read = await parquetReadObjects({ file: await asyncBufferFromFile(file) })
    assert.equal(read.length, 4501)
    assert.deepEqual(
      [read[7]?.id, read[7]?.cost_nanodollars, read[8]?.cost_nanodollars, read[8]?.stream],
      ['r7', null, 8n, false],
    )
    assert.equal(new Date(read[0]?.started_at).getTime(), 1000)
  })

  test('an empty time is an empty file', async () => {
    const file = join(folder, 'empty.parquet')
    assert.equal(await writeParquet(store, file, { since: 1, until: 2 }), 0)
    assert.deepEqual(await parquetReadObjects({ file: await asyncBufferFromFile(file) }), [])
  })
})
