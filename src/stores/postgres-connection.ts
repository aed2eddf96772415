import { createHash } from 'node:crypto'
import { Pool, type PoolClient } from 'pg'
import { postgresMigrations } from './postgres-schema.ts'

/** What asks: the pool, or a connection within a transaction. */
export interface Asker {
  readonly query: (
    text: string,
    values?: readonly unknown[],
  ) => Promise<{ readonly rows: readonly Row[]; readonly rowCount: number | null }>
}
type Row = Readonly<Record<string, unknown>>

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string
  /** Connections of this gateway. */
  readonly poolSize: number
  /** Longest time for one statement, and for its answer to come. */
  readonly timeoutMs: number
}

/** Two gateways that start together make the tables once. Chosen by chance, like every number of this kind. */
const migrationLock = 7_402_113_577

/** A few connections that come and go. A lost one is an error of the call that had it, never of the process. */
export class PostgresConnection implements Asker {
  readonly #pool: Pool

  constructor({ url, poolSize, timeoutMs }: PostgresOptions) {
    this.#pool = new Pool({
      connectionString: url,
      max: poolSize,
      connectionTimeoutMillis: Math.min(timeoutMs, 3000),
      idleTimeoutMillis: 30_000,
      statement_timeout: timeoutMs,
      query_timeout: timeoutMs,
      keepAlive: true,
      application_name: 'hybrid-ai-stack',
    })
    this.#pool.on('error', () => {})
  }

  async query(text: string, values: readonly unknown[] = []) {
    return await this.#pool.query(text, [...values])
  }

  async inTransaction<Result>(work: (asker: Asker) => Promise<Result>): Promise<Result> {
    const client = await this.#pool.connect()
    let broken: Error | undefined
    // What happens to a connection between two statements belongs to the next of them.
    const lost = (error: Error) => {
      broken = error
    }
    client.on('error', lost)
    try {
      await client.query('BEGIN')
      const result = await work(askerOf(client))
      await client.query('COMMIT')
      return result
    } catch (error) {
      broken ??= error instanceof Error ? error : new Error(String(error))
      const rolledBack = await client.query('ROLLBACK').then(
        () => true,
        () => false,
      )
      if (rolledBack) broken = undefined
      throw error
    } finally {
      client.off('error', lost)
      client.release(broken)
    }
  }

  /** Applies what is missing, in order; refuses a database whose history differs from ours. */
  async migrate(): Promise<void> {
    await this.inTransaction(async (asker) => {
      await asker.query('SELECT pg_advisory_xact_lock($1)', [migrationLock])
      await asker.query('CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, checksum TEXT NOT NULL)')
      const { rows } = await asker.query('SELECT checksum FROM migrations ORDER BY number')
      if (rows.length > postgresMigrations.length) {
        throw new Error('the ledger was written by a newer version of this program: use that version')
      }
      for (const [index, statements] of postgresMigrations.entries()) {
        const checksum = createHash('sha256').update(statements).digest('hex')
        const before = rows[index]?.checksum
        if (before !== undefined && before !== checksum)
          throw new Error(`migration ${index + 1} of the ledger was changed`)
        if (before !== undefined) continue
        await asker.query(statements)
        await asker.query('INSERT INTO migrations VALUES ($1, $2)', [index + 1, checksum])
      }
    })
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}

function askerOf(client: PoolClient): Asker {
  return { query: async (text, values = []) => await client.query(text, [...values]) }
}
