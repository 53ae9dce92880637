/** Why a store could not be opened, in a sentence for whoever runs the server. */
export function storeFailure(directory: string | null, error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES' || error.code === 'EPERM' || error.code === 'EROFS') {
    return `the store directory ${directory} is not writable (${error.message})`
  }
  return error.message
}
