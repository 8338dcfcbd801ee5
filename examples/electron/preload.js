// All that the window can do: seven requests and one event. (A sandboxed preload script is CommonJS, whatever package.json says.)
const { contextBridge, ipcRenderer } = require('electron')

contextBridge.exposeInMainWorld('kerf', {
  chooseModel: () => ipcRenderer.invoke('choose-model'),
  chooseText: () => ipcRenderer.invoke('choose-text'),
  sizes: () => ipcRenderer.invoke('sizes'),
  plan: settings => ipcRenderer.invoke('plan', settings),
  compress: settings => ipcRenderer.invoke('compress', settings),
  cancel: () => ipcRenderer.invoke('cancel'),
  showResult: () => ipcRenderer.invoke('show-result'),
  onProgress: hear => void ipcRenderer.on('progress', (_event, progress) => hear(progress)),
})
