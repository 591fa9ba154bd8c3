/** How a role lives as a process: it says when it is ready, and it stops once, in order, when told to. */

/** Tells a supervising parent (`chrysalis dev`) that this role is ready and where. Without one it does nothing. */
export function reportReady(ready: Readonly<Record<string, unknown>>): void {
  process.send?.({ ready })
}

/** What a supervising parent sends to have a role stop in its turn. */
export const stopMessage = 'stop'

/**
 * Calls `stop` once: at SIGTERM, at SIGINT unless a parent decides the order, when that parent says so, or when it is gone.
 * With `inTurn` a supervised role does not listen to SIGTERM either, because others still need it when a whole process group
 * is told to stop. The process exits with 0 after a clean stop, with 1 when `stop` throws or takes longer than `limitMs`.
 */
export function stopOnSignal(stop: () => Promise<void>, limitMs = 18_000, { inTurn = false } = {}): void {
  let stopping = false
  const begin = () => {
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(1), limitMs).unref()
    stop().then(
      () => process.exit(0),
      error => {
        console.error(error instanceof Error ? error.message : error)
        process.exit(1)
      },
    )
  }
  const supervised = process.send !== undefined
  process.on('SIGTERM', () => {
    if (!(supervised && inTurn)) begin()
  })
  process.on('SIGINT', () => {
    // A terminal sends SIGINT to the whole group; the parent then stops its children in order.
    if (!supervised) begin()
  })
  if (!supervised) return
  process.on('disconnect', begin)
  process.on('message', message => {
    if (message === stopMessage) begin()
  })
}
