import { look1Data } from './look-1-data.ts'

/** What `scripts/look-1/train.ts` learned, unpacked. */
export const look1 = {
  /** A row of `buckets` for each kind. */
  kinds: signed(look1Data.kinds),
  kindScale: look1Data.kindScale,
  kindBias: look1Data.kindBias as readonly number[],
  kindShape: look1Data.kindShape as readonly (readonly number[])[],
  words: signed(look1Data.words),
  wordScale: look1Data.wordScale,
  seen: new Uint8Array(Buffer.from(look1Data.seen, 'base64')),
  shapeMeans: look1Data.shapeMeans as Readonly<Record<string, readonly number[]>>,
  shapeSlopes: look1Data.shapeSlopes as Readonly<Record<string, readonly number[]>>,
}

function signed(text: string): Int8Array {
  const bytes = Buffer.from(text, 'base64')
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}
