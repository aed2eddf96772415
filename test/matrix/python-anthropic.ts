import { anthropicErrors } from './anthropic.ts'
import type { Client } from './driver.ts'
import { pythonDriver, pythonRefusal } from './python.ts'
import { pythonVersion } from './versions.ts'

const open = pythonDriver('anthropic_client.py')

export const pythonAnthropic: Client = {
  name: 'Python `anthropic`',
  version: pythonVersion('anthropic'),
  code: 'Anthropic(base_url="http://127.0.0.1:8080", api_key=KEY)',
  errors: anthropicErrors,
  refusalOf: pythonRefusal,
  open: (place) => {
    const { embeddings: _, ...driver } = open(place)
    return driver
  },
}
