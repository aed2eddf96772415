import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { WordPiece } from './tokenizer.ts'
import { type Near, VectorIndex } from './vector-index.ts'

export interface WorkerOptions {
  /** Where onnxruntime-node, the model and its vocabulary are; undefined where only vectors are kept. */
  readonly files?: { readonly runtime: string; readonly model: string; readonly vocabulary: string } | undefined
  readonly mostVectors: number
}

export type Task =
  | { readonly do: 'embed'; readonly text: string }
  | { readonly do: 'find'; readonly partition: string; readonly vector: Float32Array; readonly limit: number }
  | { readonly do: 'put'; readonly id: string; readonly partition: string; readonly vector: Float32Array }
  | { readonly do: 'used' | 'remove'; readonly id: string }
  | { readonly do: 'size' }

export type Result = Float32Array | readonly Near[] | readonly string[] | number

/** What is used of onnxruntime-node 1.30. */
interface Runtime {
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => unknown
  readonly InferenceSession: {
    readonly create: (path: string, options: object) => Promise<{ run: (feeds: object) => Promise<Outputs> }>
  }
}

type Outputs = Readonly<Record<string, { readonly data: Float32Array; readonly dims: readonly number[] }>>

const { files, mostVectors } = workerData as WorkerOptions
const index = new VectorIndex(mostVectors)
const embed = files === undefined ? undefined : await openModel(files)
parentPort?.on('message', ({ call, task }: { readonly call: number; readonly task: Task }) => {
  perform(task).then(
    (result) => parentPort?.postMessage({ call, result }),
    (error: unknown) =>
      parentPort?.postMessage({ call, error: error instanceof Error ? error.message : String(error) }),
  )
})
parentPort?.postMessage({ ready: true })

async function perform(task: Task): Promise<Result> {
  switch (task.do) {
    case 'embed':
      if (embed === undefined) throw new Error('no model is loaded')
      return await embed(task.text)
    case 'find':
      return index.find(task.partition, task.vector, task.limit)
    case 'put':
      return index.put(task.id, task.partition, task.vector)
    case 'used':
      index.used(task.id)
      return []
    case 'remove':
      index.remove(task.id)
      return []
    case 'size':
      return index.size
    default:
      throw task satisfies never
  }
}

async function openModel({ runtime, model, vocabulary }: NonNullable<WorkerOptions['files']>) {
  const { InferenceSession, Tensor } = createRequire(join(runtime, 'package.json'))('onnxruntime-node') as Runtime
  const tokenizer = new WordPiece(readFileSync(vocabulary, 'utf8'))
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  })
  return async (text: string): Promise<Float32Array> => {
    const ids = tokenizer.encode(text)
    const tensor = (values: readonly number[]) =>
      new Tensor('int64', BigInt64Array.from(values.map(BigInt)), [1, values.length])
    const outputs = await session.run({
      input_ids: tensor(ids),
      attention_mask: tensor(ids.map(() => 1)),
      token_type_ids: tensor(ids.map(() => 0)),
    })
    const hidden = outputs.last_hidden_state
    if (hidden === undefined) throw new Error('the model gives no last_hidden_state')
    return pooled(hidden.data, ids.length, hidden.dims[2] ?? 0)
  }
}

/** The mean over the tokens, of length 1. */
function pooled(data: Float32Array, tokens: number, size: number): Float32Array {
  const mean = new Float32Array(size)
  for (let token = 0; token < tokens; token++) {
    for (let at = 0; at < size; at++) mean[at] = (mean[at] as number) + (data[token * size + at] as number) / tokens
  }
  const length = Math.hypot(...mean) || 1
  return mean.map((value) => value / length)
}
