/** How a role lives as a process: it says when it is ready, and it stops once, in order, when told to. */

/** Tells a supervising parent (`chrysalis dev`) that this role is ready and where. Without one it does nothing. */
export function reportReady(ready: Readonly<Record<string, unknown>>): void {
  process.send?.({ ready })
}

/**
 * Calls `stop` once: at SIGTERM, at SIGINT unless a parent decides the order, or when that parent is gone. The process
 * exits with 0 after a clean stop, with 1 when `stop` throws or takes longer than `limitMs`.
 */
export function stopOnSignal(stop: () => Promise<void>, limitMs = 18_000): void {
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
  process.on('SIGTERM', begin)
  process.on('SIGINT', () => {
    // A terminal sends SIGINT to the whole group; the parent then stops its children in order.
    if (!supervised) begin()
  })
  if (supervised) process.on('disconnect', begin)
}
