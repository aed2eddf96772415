import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto'
import type { SaltedHash } from '../core/api-key.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const idLength = 12
/** 43 characters of 62 are 256 bits. */
const secretLength = 43
const shape = new RegExp(`^hyb_([0-9A-Za-z]{${idLength}})_([0-9A-Za-z]{${secretLength}})$`)

/** A key as its holder has it: `hyb_ID_SECRET`. The id is no secret; it finds the row. */
export interface KeyText {
  readonly id: string
  readonly secret: string
}

export function newId(): string {
  return text(idLength)
}

export function newSecret(): string {
  return text(secretLength)
}

export function writeKey({ id, secret }: KeyText): string {
  return `hyb_${id}_${secret}`
}

/** Undefined where the text is no key of this gateway's making. */
export function readKey(key: string): KeyText | undefined {
  const [, id, secret] = shape.exec(key) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

/**
 * SHA-256 over salt and secret. A secret of 256 random bits cannot be guessed, so that a slow hash would protect
 * nothing, and would let strangers keep the gateway busy.
 */
export function hashOf(secret: string, salt = randomBytes(16).toString('hex')): SaltedHash {
  return { salt, digest: createHash('sha256').update(salt).update(secret).digest('hex') }
}

/** In the same time for every secret that is wrong. */
export function fits(secret: string, { salt, digest }: SaltedHash): boolean {
  return timingSafeEqual(Buffer.from(hashOf(secret, salt).digest, 'hex'), Buffer.from(digest, 'hex'))
}

/** What the secrets of unknown ids are compared with, so that a known id cannot be told from an unknown one. */
export const nobodysHash: SaltedHash = hashOf(newSecret())

function text(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
}
