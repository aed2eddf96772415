import { isDeepStrictEqual } from 'node:util'
import type { Label } from '../core/evidence.ts'
import type { Asker, PostgresConnection } from './postgres-connection.ts'
import type { EvidenceVersion, LabelStore } from './store.ts'

/** Labels in PostgreSQL: label-rows.ts has the same for SQLite, and the reasons. */
export function postgresLabels(connection: PostgresConnection): LabelStore {
  /** Whoever changes labels does so alone: the counter's row is its lock. */
  const changing = <Result>(work: (asker: Asker) => Promise<Result>) =>
    connection.inTransaction(async (asker) => {
      await asker.query('SELECT number FROM label_changes FOR UPDATE')
      return await work(asker)
    })

  return {
    add: (labels, keep) => changing((asker) => addLabels(asker, labels, keep)),
    async all() {
      const { rows } = await connection.query('SELECT body FROM labels WHERE revoked = 0 ORDER BY seq')
      return rows.map((row): Label => JSON.parse(String(row.body)))
    },
    async given(client, since) {
      const { rows } = await connection.query(
        `SELECT count(DISTINCT id) AS n FROM labels
           WHERE client = $1 AND at >= $2 AND source IN ('feedback', 'regenerated', 'validator')`,
        [client, Math.ceil(since)],
      )
      return Number(rows[0]?.n)
    },
    async changes() {
      const { rows } = await connection.query('SELECT number FROM label_changes')
      return Number(rows[0]?.number)
    },
    saveVersion: (note) => changing((asker) => saveVersion(asker, note)),
    versions: () => versionsOf(connection),
    rollBack: (number) => changing((asker) => rollBack(asker, number)),
  }
}

async function addLabels(asker: Asker, labels: readonly Label[], keep: number): Promise<number> {
  const { rows } = await asker.query('SELECT max(watermark) AS seq FROM evidence_versions')
  const held = Number(rows[0]?.seq ?? 0)
  const takes = async (label: Label): Promise<boolean> => {
    const { rows: known } = await asker.query('SELECT seq, at, body FROM labels WHERE id = $1 AND revoked = 0', [
      label.id,
    ])
    const [before] = known
    const body = JSON.stringify(label)
    if (before !== undefined) {
      if (Number(before.at) > Math.round(label.at)) return false
      if (isDeepStrictEqual(JSON.parse(String(before.body)), JSON.parse(body))) return false
      const row = Number(before.seq)
      if (row <= held) await asker.query('UPDATE labels SET revoked = 1 WHERE seq = $1', [row])
      else await asker.query('DELETE FROM labels WHERE seq = $1', [row])
    }
    await asker.query('INSERT INTO labels (id, at, model, source, client, body) VALUES ($1, $2, $3, $4, $5, $6)', [
      label.id,
      Math.round(label.at),
      label.model,
      label.source,
      label.client,
      body,
    ])
    return true
  }

  const models = new Set<string>()
  let taken = 0
  for (const label of labels) {
    if (!(await takes(label))) continue
    taken++
    models.add(label.model)
  }
  for (const model of models) {
    for (const revoked of [0, 1]) {
      await asker.query(
        `DELETE FROM labels WHERE model = $1 AND revoked = $2 AND seq <=
           (SELECT seq FROM labels WHERE model = $1 AND revoked = $2 ORDER BY seq DESC LIMIT 1 OFFSET $3)`,
        [model, revoked, keep],
      )
    }
  }
  await asker.query('UPDATE label_changes SET number = number + $1', [taken])
  return taken
}

async function saveVersion(asker: Asker, note: string): Promise<EvidenceVersion> {
  const { rows } = await asker.query(
    `SELECT coalesce(json_agg(json_build_array(first, last)), '[]')::text AS json FROM (
       SELECT min(seq) AS first, max(seq) AS last FROM (
         SELECT seq, revoked, row_number() OVER (ORDER BY seq) - row_number() OVER (PARTITION BY revoked ORDER BY seq)
           AS island FROM labels
       ) AS numbered WHERE revoked = 1 GROUP BY island
     ) AS ranges`,
  )
  await asker.query(
    `INSERT INTO evidence_versions (number, at, note, watermark, revoked)
       SELECT coalesce(max(number), 0) + 1, $1::bigint, $2::text, (SELECT coalesce(max(seq), 0) FROM labels), $3::text
       FROM evidence_versions`,
    [Date.now(), note, rows[0]?.json],
  )
  const latest = (await versionsOf(asker)).at(-1)
  if (latest === undefined) throw new Error('a version was saved and is not there')
  return latest
}

const countsIn = `seq <= evidence_versions.watermark AND NOT EXISTS (
  SELECT 1 FROM json_array_elements(evidence_versions.revoked::json) AS range
  WHERE seq BETWEEN (range ->> 0)::bigint AND (range ->> 1)::bigint
)`

async function versionsOf(asker: Asker): Promise<readonly EvidenceVersion[]> {
  const { rows } = await asker.query(
    `SELECT number, at, note, (SELECT count(*) FROM labels WHERE ${countsIn}) AS labels
       FROM evidence_versions ORDER BY number`,
  )
  return rows.map((row) => ({
    number: Number(row.number),
    at: Number(row.at),
    note: String(row.note),
    labels: Number(row.labels),
  }))
}

async function rollBack(asker: Asker, number: number): Promise<boolean> {
  const { rows } = await asker.query('SELECT 1 FROM evidence_versions WHERE number = $1', [number])
  if (rows.length === 0) return false
  await asker.query('UPDATE labels SET revoked = 1 WHERE revoked = 0')
  await asker.query(
    `UPDATE labels SET revoked = 0 WHERE EXISTS (SELECT 1 FROM evidence_versions WHERE number = $1 AND ${countsIn})`,
    [number],
  )
  await asker.query('UPDATE label_changes SET number = number + 1')
  return true
}
