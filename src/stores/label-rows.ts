import type { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import type { Label } from '../core/evidence.ts'
import type { EvidenceVersion } from './store.ts'

/** Labels in SQLite, for the thread that owns the file. Several rows may have one id; one of them counts at most. */

/** Says how many were taken. */
export function addLabels(db: DatabaseSync, labels: readonly Label[], keep: number): number {
  const find = db.prepare('SELECT seq, at, body FROM labels WHERE id = ? AND revoked = 0')
  // A version of before may hold the row that is replaced: then it stays, and does not count.
  const revoke = db.prepare('UPDATE labels SET revoked = 1 WHERE seq = ?')
  const forget = db.prepare('DELETE FROM labels WHERE seq = ?')
  const insert = db.prepare('INSERT INTO labels (id, at, model, source, client, body) VALUES (?, ?, ?, ?, ?, ?)')
  const held = Number(db.prepare('SELECT max(watermark) AS seq FROM evidence_versions').get()?.seq ?? 0)

  const takes = (label: Label): boolean => {
    const before = find.get(label.id)
    const body = JSON.stringify(label)
    if (before !== undefined) {
      if (Number(before.at) > Math.round(label.at)) return false
      // As JSON, since what comes from a file may have its keys in another order.
      if (isDeepStrictEqual(JSON.parse(String(before.body)), JSON.parse(body))) return false
      const row = Number(before.seq)
      if (row <= held) revoke.run(row)
      else forget.run(row)
    }
    insert.run(label.id, Math.round(label.at), label.model, label.source, label.client, body)
    return true
  }
  const taken = labels.filter(takes)
  for (const model of new Set(taken.map((label) => label.model))) prune(db, model, keep)
  countChanges(db, taken.length)
  return taken.length
}

/** What does not count any more takes no room from what does. */
function prune(db: DatabaseSync, model: string, keep: number): void {
  const statement = db.prepare(
    `DELETE FROM labels WHERE model = :model AND revoked = :revoked AND seq <=
       (SELECT seq FROM labels WHERE model = :model AND revoked = :revoked ORDER BY seq DESC LIMIT 1 OFFSET :keep)`,
  )
  for (const revoked of [0, 1]) statement.run({ model, revoked, keep })
}

/** Those that were replaced are the same judgement, and count once. */
export function givenLabels(db: DatabaseSync, client: string, since: number): number {
  const row = db
    .prepare(
      `SELECT count(DISTINCT id) AS n FROM labels
       WHERE client = ? AND at >= ? AND source IN ('feedback', 'regenerated', 'validator')`,
    )
    .get(client, since)
  return Number(row?.n)
}

export function labelChanges(db: DatabaseSync): number {
  return Number(db.prepare('SELECT number FROM label_changes').get()?.number)
}

function countChanges(db: DatabaseSync, changes: number): void {
  db.prepare('UPDATE label_changes SET number = number + ?').run(changes)
}

/** What counts is everything up to the newest row, less the rows that do not count now, told as ranges. */
export function saveVersion(db: DatabaseSync, note: string): EvidenceVersion {
  const ranges = db
    .prepare(
      `SELECT json_group_array(json_array(first, last)) AS json FROM (
         SELECT min(seq) AS first, max(seq) AS last FROM (
           SELECT seq, revoked, row_number() OVER (ORDER BY seq) - row_number() OVER (PARTITION BY revoked ORDER BY seq)
             AS island FROM labels
         ) WHERE revoked = 1 GROUP BY island
       )`,
    )
    .get()
  db.prepare(
    `INSERT INTO evidence_versions (number, at, note, watermark, revoked)
       SELECT coalesce(max(number), 0) + 1, ?, ?, (SELECT coalesce(max(seq), 0) FROM labels), ? FROM evidence_versions`,
  ).run(Date.now(), note, String(ranges?.json))
  const latest = versionsOf(db).at(-1)
  if (latest === undefined) throw new Error('a version was saved and is not there')
  return latest
}

const countsIn = `seq <= evidence_versions.watermark AND NOT EXISTS (
  SELECT 1 FROM json_each(evidence_versions.revoked) AS range WHERE seq BETWEEN range.value ->> 0 AND range.value ->> 1
)`

export function versionsOf(db: DatabaseSync): readonly EvidenceVersion[] {
  const rows = db
    .prepare(
      `SELECT number, at, note, (SELECT count(*) FROM labels WHERE ${countsIn}) AS labels
       FROM evidence_versions ORDER BY number`,
    )
    .all()
  return rows.map((row) => ({
    number: Number(row.number),
    at: Number(row.at),
    note: String(row.note),
    labels: Number(row.labels),
  }))
}

/** False where there is no such version. */
export function rollBack(db: DatabaseSync, number: number): boolean {
  if (db.prepare('SELECT 1 FROM evidence_versions WHERE number = ?').get(number) === undefined) return false
  // In two steps: not for a moment may two rows of one id count.
  db.exec('UPDATE labels SET revoked = 1 WHERE revoked = 0')
  db.prepare(
    `UPDATE labels SET revoked = 0 WHERE EXISTS (SELECT 1 FROM evidence_versions WHERE number = ? AND ${countsIn})`,
  ).run(number)
  countChanges(db, 1)
  return true
}
