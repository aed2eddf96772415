import type { ApiKey } from '../core/api-key.ts'
import type { Label } from '../core/evidence.ts'
import type { Receipt } from '../core/receipt.ts'
import type { FileLedger } from './sqlite.ts'
import type { LedgerStore } from './store.ts'

export interface SpooledOptions {
  /** Opens the database; throws while it cannot be reached. */
  readonly openMain: () => Promise<LedgerStore>
  /** A file of this machine, for the time in which the database cannot be reached. */
  readonly spool: FileLedger
  /** For people: what the database is. */
  readonly name: string
  readonly say: (level: 'info' | 'warn', message: string) => void
  /** Between two tries of a database that is away. */
  readonly retryMs?: number
}

const rowsAtOnce = 1000

/** True for a database that is there and must not be written by this version. */
export function isForeign(error: unknown): boolean {
  return error instanceof Error && /newer version|was changed/.test(error.message)
}

/**
 * A ledger on a server that may be away: rows then go to a file of this machine, and are carried over when the server is
 * back, also by a later process. Whatever is asked of it meanwhile fails, but for keys, of which the file has a copy:
 * a gateway that starts while its database is away must know who may come in.
 */
export async function openSpooled(options: SpooledOptions): Promise<LedgerStore> {
  const { openMain, spool, name, say, retryMs = 1000 } = options
  let main: LedgerStore | undefined
  let trouble = ''
  let closed = false
  /** Writes come one after the other: a row must not overtake itself. */
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const mine = turn.then(work, work)
    turn = mine.catch(() => {})
    return mine
  }

  const away = (error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    if (trouble === '' && !closed) {
      say('warn', `${name} cannot be written (${reason}): rows go to a file in data_dir until it can, and then to it`)
    }
    trouble = reason || 'it does not answer'
  }
  const reached = async (): Promise<LedgerStore> => {
    main ??= await openMain()
    return main
  }
  const carry = async (): Promise<boolean> => {
    const rows = await spool.page({ limit: rowsAtOnce })
    if (rows.length === 0) return true
    await (await reached()).write(rows)
    await spool.remove(rows.map(({ rowId }) => rowId))
    return false
  }
  const carryAll = async (): Promise<void> => {
    try {
      await reached()
      while (!closed && !(await inTurn(carry))) {
        // More may have come meanwhile.
      }
      if (trouble !== '' && !closed) say('info', `${name} can be written again; nothing that waited is lost`)
      trouble = ''
    } catch (error) {
      if (isForeign(error)) say('warn', `${name}: ${error instanceof Error ? error.message : error}`)
      away(error)
    }
  }

  // What a process left here that died while the database was away.
  await spool.closeOrphans()
  try {
    await reached()
    if ((await spool.page({ limit: 1 })).length > 0) trouble = 'rows of an earlier process wait to be carried over'
  } catch (error) {
    if (isForeign(error)) throw error
    away(error)
  }
  let trying: Promise<void> | undefined
  const timer = setInterval(() => {
    if (trouble === '' || trying !== undefined) return
    trying = carryAll().finally(() => {
      trying = undefined
    })
  }, retryMs)
  timer.unref()

  /** Asks the database; where it is away, and something may stand in for its answer, that. */
  const ask = async <Result>(
    work: (store: LedgerStore) => Promise<Result>,
    otherwise?: () => Promise<Result>,
  ): Promise<Result> => {
    try {
      // Whoever asks does not wait for a connection that others found to be lost.
      if (main === undefined || (trouble !== '' && otherwise !== undefined)) throw new Error(`${name} is away`)
      return await work(main)
    } catch (error) {
      if (otherwise !== undefined) return await otherwise()
      throw error
    }
  }

  return {
    description: name,
    trouble: () => trouble,
    write: (rows: readonly Receipt[]) =>
      inTurn(async () => {
        if (trouble === '') {
          try {
            return await (await reached()).write(rows)
          } catch (error) {
            away(error)
          }
        }
        return await spool.write(rows)
      }),
    stats: (since) => ask((store) => store.stats(since)),
    spent: (since) => ask((store) => store.spent(since)),
    page: (page) => ask((store) => store.page(page)),
    list: (list) => ask((store) => store.list(list)),
    replace: (rows) => inTurn(() => ask((store) => store.replace(rows))),
    prune: (prune) => ask((store) => store.prune(prune)),
    usage: (since) => ask((store) => store.usage(since)),
    checkUsage: (hour) => ask((store) => store.checkUsage(hour)),
    find: async (id) => (await ask((store) => store.find(id)).catch(() => undefined)) ?? (await spool.find(id)),
    recent: (limit) => ask((store) => store.recent(limit)),
    closeOrphans: () =>
      ask(
        (store) => store.closeOrphans(),
        async () => 0,
      ),
    labels: {
      add: (labels: readonly Label[], keep: number) => ask((store) => store.labels.add(labels, keep)),
      // Without its labels a gateway knows what was shipped; it asks again and again.
      all: () =>
        ask(
          (store) => store.labels.all(),
          async () => [],
        ),
      changes: () =>
        ask(
          (store) => store.labels.changes(),
          async () => -1,
        ),
      given: (client, since) => ask((store) => store.labels.given(client, since)),
      saveVersion: (note) => ask((store) => store.labels.saveVersion(note)),
      versions: () => ask((store) => store.labels.versions()),
      rollBack: (number) => ask((store) => store.labels.rollBack(number)),
    },
    keys: {
      all: () =>
        ask(
          async (store) => await mirrored(await store.keys.all(), spool),
          () => copyOfKeys(spool),
        ),
      put: (key) => ask((store) => store.keys.put(key)),
      used: (times) => ask((store) => store.keys.used(times)),
      changes: () =>
        ask(
          (store) => store.keys.changes(),
          async () => -1,
        ),
    },
    audit: {
      append: (entry) => ask((store) => store.audit.append(entry)),
      recent: (limit) => ask((store) => store.audit.recent(limit)),
    },
    async close() {
      clearInterval(timer)
      if (trouble !== '') await trying
      closed = true
      await turn
      await Promise.allSettled([main?.close()])
      await spool.close()
    },
  }
}

async function mirrored(keys: readonly ApiKey[], { keys: copy }: FileLedger): Promise<readonly ApiKey[]> {
  const known = new Map((await copy.all()).map((key) => [key.id, JSON.stringify(withoutUse(key))]))
  for (const key of keys) {
    if (known.get(key.id) !== JSON.stringify(withoutUse(key))) await copy.put(key)
  }
  // That the database has been read once tells "no keys" from "no idea".
  await copy.put({ ...readMark, createdAt: Number.MAX_SAFE_INTEGER })
  return keys
}

const readMark: ApiKey = {
  id: 'read-from-the-database',
  name: '',
  team: '',
  scopes: [],
  hash: { salt: '', digest: '' },
  labels: {},
  createdAt: 0,
}

async function copyOfKeys({ keys: copy }: FileLedger): Promise<readonly ApiKey[]> {
  const all = await copy.all()
  if (all.some(({ id }) => id === readMark.id)) return all.filter(({ id }) => id !== readMark.id)
  throw new Error(
    'the database with the keys cannot be reached, and no gateway of this data_dir has read them yet: start it when the database is there',
  )
}

function withoutUse({ lastUsedAt: _, ...key }: ApiKey): object {
  return key
}
