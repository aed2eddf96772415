/** Kinds of task that requests are sorted into; `other` where nothing is recognised. */
export const taskKinds = [
  'chat',
  'fact',
  'explain',
  'choice',
  'arithmetic',
  'mathematics',
  'logic',
  'code',
  'extract',
  'classify',
  'summarize',
  'translate',
  'rewrite',
  'write',
  'tools',
  'other',
] as const
export type TaskKind = (typeof taskKinds)[number]

export const lengthBands = ['short', 'medium', 'long'] as const
export type LengthBand = (typeof lengthBands)[number]

/** `tool`: the last word is a tool's; `follow-up`: the user has spoken before. */
export const turnKinds = ['first', 'follow-up', 'tool'] as const
export type TurnKind = (typeof turnKinds)[number]

/** The drawer of the evidence that a request belongs to. */
export interface Cell {
  readonly task: TaskKind
  readonly length: LengthBand
  /** ISO 639-1 code of the scored text's language, `und` where it cannot be told. */
  readonly language: string
  readonly turn: TurnKind
}

/** What look 1 knows of a request before any model is asked. */
export interface Profile {
  readonly cell: Cell
  /** How sure the recogniser is of the kind of task, 0 to 1. */
  readonly certainty: number
  /** Kinds of task that stretches of the text look like: what is added to a request does not hide what it was. */
  readonly parts: readonly TaskKind[]
  /**
   * How much harder than usual for its kind of task, in logits: positive is harder. Clipped; 0 where the prompt is
   * unlike everything that the correction was fitted on.
   */
  readonly difficulty: number
  /** How much like what the correction was fitted on the prompt is, 0 to 1. */
  readonly familiarity: number
  /** The shape of the text and the shares of the kinds of task, as numbers: what corrections are learned from. */
  readonly sketch: readonly number[]
}

/** What look 2 measured of a reply, in numbers. Holds no words of it. */
export interface Check {
  /** Absent where the server gives no token probabilities. */
  readonly confidence?: Confidence
  /** What is wrong with the reply's form. */
  readonly findings: readonly Finding[]
  /** True where only the beginning of the reply was seen. */
  readonly partial: boolean
  /** The chance that the model itself gave its reply to be right, where it was asked (Kadavath et al. 2022). */
  readonly selfCheck?: number
}

/** Natural logarithms of probabilities; 0 is certain. */
export interface Confidence {
  /** Mean over all tokens. */
  readonly mean: number
  /** Mean of the least likely window of 8 tokens in a row, or of all where there are fewer. */
  readonly lowestWindow: number
  /** The least likely token. */
  readonly lowest: number
  /** Mean difference between the chosen token and the next likely one, where the server gives alternatives. */
  readonly margin?: number
  readonly tokens: number
}

export const findingNames = [
  'empty',
  'cut',
  'repetition',
  'refusal',
  'hedging',
  'invalid-json',
  'invalid-code',
  'wrong-language',
  'echo',
  'invalid-tool-call',
] as const

export interface Finding {
  readonly name: (typeof findingNames)[number]
  /** `fatal`: no use to anybody; `doubt`: lowers the chance that it is good enough. */
  readonly weight: 'fatal' | 'doubt'
  /** In words for the operator, without words of the reply. */
  readonly detail: string
}

export const labelSources = ['feedback', 'regenerated', 'validator', 'shadow', 'calibration'] as const
export type LabelSource = (typeof labelSources)[number]

/** One judged reply: what all learning is made of. Holds no prompt and no reply. */
export interface Label {
  /** A name of its own: the same judgement arriving twice counts once. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly model: string
  readonly source: LabelSource
  /** 0 (useless) to 1 (good enough). */
  readonly good: number
  /** 0 to 1: how much it counts. */
  readonly weight: number
  /** Request that the reply answered; empty for calibration. */
  readonly requestId: string
  /** Digest of the key that judged; empty where there are no keys. */
  readonly client: string
  readonly cell: Cell
  readonly difficulty: number
  /** As in the profile of the request. */
  readonly sketch: readonly number[]
  /** What look 2 measured, where it did. */
  readonly check?: Check
  /** How good the strong model's reply to the same request was, 0 to 1, where it was asked too. */
  readonly strong?: { readonly model: string; readonly good: number }
}

/** How likely a model's reply is good enough, and how well that is known. */
export interface Chance {
  readonly p: number
  /** Bounds of the 95 % interval. */
  readonly low: number
  readonly high: number
  /** Judged replies behind it, decayed and weighted, in the narrowest drawer that has any. */
  readonly n: number
  /** Which drawer that is; `prior`: no reply of this model was judged yet. */
  readonly level: 'cell' | 'task' | 'global' | 'prior'
}
