/** The few file operations that configfs-tsm needs, apart so that tests can put a kernel of their own behind them. */
import { constants } from 'node:fs'
import { mkdir, open, rmdir } from 'node:fs/promises'

/** Each operation rejects with the system's error, `code` included. */
export interface ConfigfsPort {
  makeFolder(path: string): Promise<void>
  removeFolder(path: string): Promise<void>
  /** The whole attribute. */
  read(path: string): Promise<Buffer>
  /** All bytes in one system call. */
  writeOnce(path: string, bytes: Uint8Array): Promise<void>
}

/** No quote comes near this; a file that goes on is not what we take it for. */
const largest = 64 * 1024

/** The real one. */
export const nodeConfigfs: ConfigfsPort = {
  async makeFolder(path) {
    await mkdir(path)
  },
  async removeFolder(path) {
    await rmdir(path)
  },
  async read(path) {
    const handle = await open(path, constants.O_RDONLY)
    try {
      // The size that configfs reports for an attribute is not the attribute's, so read to the end of file.
      const buffer = Buffer.alloc(largest)
      let size = 0
      while (size < largest) {
        const { bytesRead } = await handle.read(buffer, size, largest - size, null)
        if (bytesRead === 0) return buffer.subarray(0, size)
        size += bytesRead
      }
      throw new RangeError('the attribute is larger than any quote')
    } finally {
      await handle.close()
    }
  },
  async writeOnce(path, bytes) {
    // Write-only, as the attribute is: the kernel refuses an open for reading too.
    const handle = await open(path, constants.O_WRONLY)
    try {
      const { bytesWritten } = await handle.write(bytes)
      if (bytesWritten !== bytes.length) throw new Error(`wrote ${bytesWritten} of ${bytes.length} bytes`)
    } finally {
      await handle.close()
    }
  },
}
