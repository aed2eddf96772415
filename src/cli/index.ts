import { audit } from './audit.ts'
import { backup } from './backup.ts'
import { calibrate } from './calibrate.ts'
import { chat } from './chat.ts'
import type { Command } from './command.ts'
import { config } from './config.ts'
import { doctor } from './doctor.ts'
import { evidence } from './evidence.ts'
import { keys } from './keys.ts'
import { ledger } from './ledger.ts'
import { models } from './models.ts'
import { route } from './route.ts'
import { serve } from './serve.ts'
import { stats } from './stats.ts'

/** Every command of `hybrid`. */
export const commands: readonly Command[] = [
  serve,
  chat,
  route,
  models,
  stats,
  keys,
  audit,
  ledger,
  backup,
  evidence,
  calibrate,
  config,
  doctor,
]
