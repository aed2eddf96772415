import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { LedgerStats, LedgerStore } from './store.ts'

/** A ledger from which rows can be taken away again: it is where they wait for another one. */
export interface FileLedger extends LedgerStore {
  readonly remove: (rowIds: readonly string[]) => Promise<void>
}

/**
 * A ledger in one file, written by a thread of its own in WAL mode. Throws where the file cannot be written. One that
 * has reached `maxBytes` takes no more, as one on a full disk.
 */
export async function openSqliteLedger(path: string, maxBytes?: number): Promise<FileLedger> {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
    workerData: { path, maxBytes, writer: `${hostname()}:${process.pid}:${Date.now()}` },
  })
  worker.unref()

  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>()
  let lastId = 0
  worker.on('message', ({ id, result, error }: { id: number; result: never; error?: string }) => {
    const caller = waiting.get(id)
    waiting.delete(id)
    if (waiting.size === 0) worker.unref()
    if (error === undefined) caller?.resolve(result)
    else caller?.reject(new Error(error))
  })
  // A thread that died answers nobody, neither those who wait nor those who come.
  let death: Error | undefined
  const die = (error: Error) => {
    death ??= error
    for (const caller of waiting.values()) caller.reject(death)
    waiting.clear()
  }
  worker.on('error', (error) => die(error instanceof Error ? error : new Error(String(error))))
  worker.on('exit', () => die(new Error('the thread of the ledger has ended')))

  const ask = <Result>(operation: string, argument?: unknown): Promise<Result> =>
    new Promise<Result>((resolve, reject) => {
      if (death !== undefined) {
        reject(death)
        return
      }
      const id = ++lastId
      waiting.set(id, { resolve, reject })
      // While an answer is due, the process stays; between answers the thread keeps nobody up.
      worker.ref()
      worker.postMessage({ id, operation, argument })
    })

  try {
    await ask('open')
  } catch (error) {
    await worker.terminate()
    throw error
  }

  return {
    description: path === ':memory:' ? 'memory' : `SQLite at ${path}`,
    write: (rows) => ask('write', rows),
    replace: (rows) => ask('replace', rows),
    stats: (since) => ask<LedgerStats>('stats', since),
    find: (id) => ask('find', id),
    recent: (limit) => ask('recent', limit),
    spent: (since) => ask('spent', since),
    page: (options) => ask('page', options),
    list: (options) => ask('list', options),
    prune: (options) => ask('prune', options),
    usage: (since) => ask('usage', since),
    checkUsage: (hour) => ask('checkUsage', hour),
    labels: {
      add: (labels, keep) => ask('addLabels', { labels, keep }),
      all: () => ask('allLabels'),
      given: (client, since) => ask('givenLabels', { client, since }),
      changes: () => ask('labelChanges'),
      saveVersion: (note) => ask('saveVersion', note),
      versions: () => ask('versions'),
      rollBack: (number) => ask('rollBack', number),
    },
    keys: {
      all: () => ask('allKeys'),
      put: (key) => ask('putKey', key),
      used: (times) => ask('keysUsed', times),
      changes: () => ask('keyChanges'),
    },
    audit: {
      append: (entry) => ask('appendAudit', entry),
      recent: (limit) => ask('recentAudit', limit),
    },
    remove: (rowIds) => ask('remove', rowIds),
    closeOrphans: () => ask<number>('closeOrphans'),
    async close() {
      await ask('close')
      const gone = once(worker, 'exit')
      await worker.terminate()
      await gone
    },
  }
}
