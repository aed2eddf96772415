import { look1Data } from './look-1-data.ts'

/** As `scripts/look-1/train.ts` writes it. */
export interface Look1Data {
  readonly kinds: string
  readonly kindScale: number
  readonly kindBias: readonly number[]
  readonly kindShape: readonly (readonly number[])[]
  readonly words: string
  readonly wordScale: number
  readonly seen: string
  readonly shapeMeans: Readonly<Record<string, readonly number[]>>
  readonly shapeSlopes: Readonly<Record<string, readonly number[]>>
}

/** The same, unpacked: `kinds` has a row of `buckets` for each kind. */
export interface Look1 extends Omit<Look1Data, 'kinds' | 'words' | 'seen'> {
  readonly kinds: Int8Array
  readonly words: Int8Array
  readonly seen: Uint8Array
}

export function unpack({ kinds, words, seen, ...data }: Look1Data): Look1 {
  return { ...data, kinds: signed(kinds), words: signed(words), seen: new Uint8Array(Buffer.from(seen, 'base64')) }
}

function signed(text: string): Int8Array {
  const bytes = Buffer.from(text, 'base64')
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** What ships. */
export const look1 = unpack(look1Data)
