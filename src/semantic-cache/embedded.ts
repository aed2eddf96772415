import type { Engine } from '../embedder/engine.ts'
import type { Entry, Found, SemanticStore } from './store.ts'

/** In this process: vectors in the thread that makes them, questions and answers here. Bounded, and gone at a restart. */
export function embeddedStore(engine: Engine, withinMs: number, now: () => number = Date.now): SemanticStore {
  const entries = new Map<string, Omit<Entry, 'vector'>>()
  const forget = async (id: string) => {
    if (!entries.delete(id)) return false
    await engine.remove(id)
    return true
  }
  return {
    description: 'in this process',
    async find(partition, vector, limit) {
      const near = await engine.find(partition, vector, limit, withinMs)
      return near?.flatMap(({ id, score }): Found[] => {
        const entry = entries.get(id)
        if (entry !== undefined && entry.endsAt > now()) return [{ id, score, text: entry.text, reply: entry.reply }]
        void forget(id)
        return []
      })
    },
    async put({ vector, ...entry }) {
      entries.set(entry.id, entry)
      for (const gone of await engine.put(entry.id, entry.partition, vector)) entries.delete(gone)
    },
    used: (id) => engine.used(id),
    remove: forget,
    size: async () => entries.size,
    close: async () => entries.clear(),
  }
}
