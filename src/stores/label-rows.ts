import type { DatabaseSync } from 'node:sqlite'
import type { Label } from '../core/evidence.ts'
import type { EvidenceVersion } from './store.ts'

/** Labels in SQLite, for the thread that owns the file. */

export function addLabels(db: DatabaseSync, labels: readonly Label[], keep: number): void {
  // A new row for the same id: what is judged again is new, and a version of before does not hold it.
  const forget = db.prepare('DELETE FROM labels WHERE id = ?')
  const insert = db.prepare('INSERT INTO labels (id, at, model, source, client, body) VALUES (?, ?, ?, ?, ?, ?)')
  for (const label of labels) {
    forget.run(label.id)
    insert.run(label.id, Math.round(label.at), label.model, label.source, label.client, JSON.stringify(label))
  }
  const prune = db.prepare(
    `DELETE FROM labels WHERE model = :model AND seq <=
       (SELECT seq FROM labels WHERE model = :model ORDER BY seq DESC LIMIT 1 OFFSET :keep)`,
  )
  for (const model of new Set(labels.map((label) => label.model))) prune.run({ model, keep })
}

/** Grows with every label and every change of what counts. */
export function labelChanges(db: DatabaseSync): number {
  const row = db
    .prepare(
      `SELECT (SELECT coalesce(max(seq), 0) FROM labels) * 1000003 + (SELECT count(*) FROM labels WHERE revoked = 1) AS n`,
    )
    .get()
  return Number(row?.n)
}

export function saveVersion(db: DatabaseSync, note: string): EvidenceVersion {
  db.prepare(
    `INSERT INTO evidence_versions
       SELECT coalesce(max(number), 0) + 1, ?, ?, (SELECT coalesce(max(seq), 0) FROM labels) FROM evidence_versions`,
  ).run(Date.now(), note)
  const latest = versionsOf(db).at(-1)
  if (latest === undefined) throw new Error('a version was saved and is not there')
  return latest
}

export function versionsOf(db: DatabaseSync): readonly EvidenceVersion[] {
  const rows = db
    .prepare(
      `SELECT number, at, note, (SELECT count(*) FROM labels WHERE seq <= watermark) AS labels
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
