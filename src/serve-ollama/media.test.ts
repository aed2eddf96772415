import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mediaPart } from './media.ts'

const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64')

const cases: readonly { name: string; value: string; type: string; mediaType: string }[] = [
  { name: 'PNG', value: base64('\x89PNG\r\n\x1a\n'), type: 'image', mediaType: 'image/png' },
  { name: 'JPEG', value: base64('\xff\xd8\xff\xe0'), type: 'image', mediaType: 'image/jpeg' },
  { name: 'GIF', value: base64('GIF89a'), type: 'image', mediaType: 'image/gif' },
  { name: 'WebP', value: base64('RIFF\0\0\0\0WEBPVP8 '), type: 'image', mediaType: 'image/webp' },
  { name: 'WAV', value: base64('RIFF\0\0\0\0WAVEfmt '), type: 'file', mediaType: 'audio/wav' },
  { name: 'MP3', value: base64('ID3\x03'), type: 'file', mediaType: 'audio/mpeg' },
  { name: 'something else', value: base64('hello'), type: 'image', mediaType: 'application/octet-stream' },
  { name: 'a data URL', value: `data:image/webp;base64,${base64('hello')}`, type: 'image', mediaType: 'image/webp' },
]
for (const { name, value, type, mediaType } of cases) {
  test(name, () => {
    const part = mediaPart(value, 'images[0]')
    assert.deepEqual([part.type, part.source.kind === 'data' && part.source.mediaType], [type, mediaType])
  })
}

test('lines of base64 become one', () => {
  const { source } = mediaPart('aGVs\r\nbG8=\n', 'images[0]')
  assert.ok(source.kind === 'data')
  assert.equal(source.data, 'aGVsbG8=')
})

for (const value of ['', ' ', '/tmp/a.png!', 'https://example.org/a.png', 'data:image/png,x', 'a=b']) {
  test(`'${value}' is no image`, () => {
    assert.throws(() => mediaPart(value, 'images[0]'), /^GatewayError: images\[0\]: must be an image in base64/)
  })
}
