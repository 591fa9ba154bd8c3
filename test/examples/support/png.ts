/** Reads the pixels of a PNG (W3C PNG, 3rd edition), as much of it as QR codes need: 1 bit a pixel with a palette of two, not interlaced. */
import { inflateSync } from 'node:zlib'

export interface Picture {
  readonly width: number
  readonly height: number
  /** Three bytes a pixel. Transparency is dropped, as a photo drops it. */
  readonly data: Uint8Array
}

/** Throws for anything else than such a PNG. */
export function readPng(file: Buffer): Picture {
  if (file.toString('latin1', 0, 8) !== '\x89PNG\r\n\x1a\n') throw new Error('not a PNG')
  const chunks = new Map<string, Buffer>()
  for (let at = 8; at < file.length; ) {
    const end = at + 8 + file.readUInt32BE(at)
    const name = file.toString('latin1', at + 4, at + 8)
    chunks.set(name, Buffer.concat([chunks.get(name) ?? Buffer.alloc(0), file.subarray(at + 8, end)]))
    at = end + 4
  }
  const head = chunks.get('IHDR')!
  // Bit depth 1, palette, deflate, filters of method 0, no interlace.
  if (head.toString('hex', 8) !== '0103000000') throw new Error('a PNG of another kind')
  const width = head.readUInt32BE(0)
  const height = head.readUInt32BE(4)
  const rows = unfilter(inflateSync(chunks.get('IDAT')!), Math.ceil(width / 8), height)
  const palette = chunks.get('PLTE')!
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const color = (rows[y]![x >> 3]! >> (7 - (x & 7))) & 1
      data.set(palette.subarray(color * 3, color * 3 + 3), (y * width + x) * 3)
    }
  return { width, height, data }
}

/** Undoes filters None, Sub and Up; of one bit a pixel the byte before stands for the pixel before. */
function unfilter(bytes: Buffer, stride: number, height: number): Buffer[] {
  const rows: Buffer[] = []
  for (let y = 0; y < height; y++) {
    const filter = bytes[y * (stride + 1)]!
    const row = Buffer.from(bytes.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)))
    if (filter > 2) throw new Error('a filter that is not read here')
    for (let x = 0; x < stride; x++) {
      const before = filter === 1 ? (row[x - 1] ?? 0) : filter === 2 ? (rows[y - 1]?.[x] ?? 0) : 0
      row[x] = (row[x]! + before) & 255
    }
    rows.push(row)
  }
  return rows
}
