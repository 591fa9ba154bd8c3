/** How long a recording can be, by what can be seen of it without decoding: what bounds the price of its transcription. */

/** Slowest speech codec in use, and the fastest of compressed ones, bytes per second. */
const slowest = 500
const fastest = 40_000

/** Bounds in whole seconds, both at least 1. PCM in a WAV file tells its length exactly. */
export function audioSeconds(file: Uint8Array): { least: number; most: number } {
  const exact = wavSeconds(Buffer.from(file.buffer, file.byteOffset, file.byteLength))
  const whole = (seconds: number) => Math.max(1, Math.ceil(seconds))
  if (exact !== undefined) return { least: whole(exact), most: whole(exact) }
  return { least: whole(file.length / fastest), most: whole(file.length / slowest) }
}

/** RIFF WAVE with integer or float PCM: the bytes after the data chunk's head, by the bytes of a second. Undefined for anything else. */
function wavSeconds(file: Buffer): number | undefined {
  if (file.length < 12 || file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE') return undefined
  let bytesPerSecond: number | undefined
  for (let at = 12; at + 8 <= file.length; ) {
    const name = file.toString('latin1', at, at + 4)
    const size = file.readUInt32LE(at + 4)
    if (name === 'fmt ' && size >= 16 && at + 24 <= file.length) bytesPerSecond = pcmRate(file.subarray(at + 8, at + 24))
    // Streaming writers leave the size at its most: what is there counts.
    if (name === 'data') return bytesPerSecond === undefined ? undefined : Math.min(size, file.length - at - 8) / bytesPerSecond
    at += 8 + size + (size % 2)
  }
  return undefined
}

function pcmRate(format: Buffer): number | undefined {
  const kind = format.readUInt16LE(0)
  const rate = format.readUInt16LE(2) * format.readUInt32LE(4) * Math.ceil(format.readUInt16LE(14) / 8)
  return (kind === 1 || kind === 3) && rate >= slowest ? rate : undefined
}
