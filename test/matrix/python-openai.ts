import type { Client } from './driver.ts'
import { openaiErrors } from './openai.ts'
import { pythonDriver, pythonRefusal } from './python.ts'
import { pythonVersion } from './versions.ts'

export const pythonOpenai: Client = {
  name: 'Python `openai`',
  version: pythonVersion('openai'),
  code: 'OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=KEY)',
  errors: openaiErrors,
  refusalOf: pythonRefusal,
  open: pythonDriver('openai_client.py'),
}
