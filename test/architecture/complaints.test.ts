import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')

test('every test that a page promises is there', () => {
  for (const page of ['docs/complaints.md', 'docs/threat-model.md']) {
    const named = [...readFileSync(join(root, page), 'utf8').matchAll(/`((?:src|test|bench)\/[\w./-]+\.ts)`/g)]
    assert.ok(named.length > 5, page)
    assert.deepEqual(
      named.map(([, file = '']) => file).filter((file) => !existsSync(join(root, file))),
      [],
    )
  }
})
