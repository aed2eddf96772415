import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { ensureModelFile } from '../../src/model-files/files.ts'
import { spawnGateway, temporaryFolder } from '../fixtures/process.ts'

const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
const modelsDir = process.env.HYBRID_MODELS_DIR ?? join(cache, 'hybrid-ai-stack', 'models')

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} with the embedded model in the middle of a stream: it ends complete, and is in the ledger`, async () => {
    await ensureModelFile('smollm2', { modelsDir, progress: () => {}, signal: new AbortController().signal })
    const folder = temporaryFolder()
    const yaml = 'log: {format: json}\nmodels: {smollm2: {max_complexity: 1}}\n'
    const gateway = await spawnGateway({ folder: folder.path, yaml, environment: { HYBRID_MODELS_DIR: modelsDir } })
    while (!gateway.output().includes('smollm2 can answer now')) await new Promise((next) => setTimeout(next, 50))

    const reply = await fetch(`${gateway.url}/api/v1/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'Tell me a long story about a king.', stream: true, max_tokens: 80 }),
    })
    gateway.child.kill(signal)
    // Supervisors and process groups deliver copies.
    gateway.child.kill(signal)
    assert.match(await reply.text(), /event: done\n/)
    assert.equal(await gateway.ended, 0)
    assert.match(gateway.output(), /"msg":"stopped"/)

    const ledger = new DatabaseSync(join(folder.path, 'data/ledger.sqlite'), { readOnly: true })
    assert.deepEqual(
      ledger
        .prepare('SELECT status, output_tokens FROM requests')
        .all()
        .map(({ status, output_tokens }) => [status, output_tokens]),
      [['answered', 80]],
    )
    ledger.close()
    folder.remove()
  })
}
