import { native } from './native.ts'
import { openaiChat } from './openai-chat.ts'

/** Every dialect. The longest prefix of a path decides whose errors are written on it. */
export const dialects = [native, openaiChat] as const
