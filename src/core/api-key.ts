import type { KeyHolder } from './key-holder.ts'

/** A key as it is stored: everything but the key itself. */
export interface ApiKey extends KeyHolder {
  readonly hash: SaltedHash
  /** While it is rotated, the hash of the key before, and until when that one is taken. */
  readonly before?: { readonly hash: SaltedHash; readonly until: number }
  /** The operator's own notes. */
  readonly labels: Readonly<Record<string, string>>
  /** Milliseconds since 1970, like all times here. */
  readonly createdAt: number
  readonly expiresAt?: number
  readonly revokedAt?: number
  readonly lastUsedAt?: number
}

export interface SaltedHash {
  /** Both in hexadecimal. */
  readonly salt: string
  readonly digest: string
}

/** One action of an administrator. Holds no secret. */
export interface AuditEntry {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Id of the key that was used; `cli` for a command on the machine itself, `gateway` for what it does by itself. */
  readonly actor: string
  readonly actorName: string
  /** As `keys.create`. */
  readonly action: string
  /** What it was done to: the id of a key, the name of a section. */
  readonly target: string
  /** Address of the client; empty for commands. */
  readonly address: string
  /** Names of what was set or changed, and how it ended. */
  readonly details: readonly string[]
}
