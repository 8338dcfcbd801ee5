// The line to the parent: Electron's in a utilityProcess, Node's in a forked process (where the worker is tested).

/** `{ post, listen }` of the process that this is. */
export function openPort() {
  const { parentPort } = process
  if (parentPort) {
    return {
      post: message => parentPort.postMessage(message),
      listen: hear => parentPort.on('message', event => hear(event.data)),
    }
  }
  if (process.send === undefined)
    throw new Error('worker.js runs as a child: utilityProcess.fork or child_process.fork')
  // A parent that is gone wants nothing any more; the work folder keeps what was done. (Electron ends a utilityProcess itself.)
  process.on('disconnect', () => process.exit(0))
  return {
    post: message => process.connected && process.send(message),
    listen: hear => process.on('message', hear),
  }
}
