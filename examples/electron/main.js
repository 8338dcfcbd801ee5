// The main process: a window, dialogs, and the messages between the window and the worker. No work is done here.
import { app, BrowserWindow, dialog, ipcMain, powerSaveBlocker, shell, utilityProcess } from 'electron'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createEngine } from './engine.js'
import { sizes, toOptions } from './settings.js'

const here = dirname(fileURLToPath(import.meta.url))
const engine = createEngine(launchWorker)
let window
/** What the user chose, and what is going on. The window knows names of these, never paths to act on. */
const state = { model: undefined, text: undefined, result: undefined, running: undefined }

function launchWorker() {
  const child = utilityProcess.fork(join(here, 'worker.js'), [], { serviceName: 'kerf' })
  return {
    post: message => child.postMessage(message),
    onMessage: hear => child.on('message', hear),
    onExit: hear => child.on('exit', code => hear(`exit code ${code}`)),
    kill: () => child.kill(),
  }
}

/** A request of the window. Errors go back as data: an Error that crosses to a window keeps nothing but its message. */
function handle(name, body) {
  ipcMain.handle(name, async (event, ...args) => {
    if (event.senderFrame !== window?.webContents.mainFrame) throw new Error('unknown sender')
    try {
      return { ok: await body(...args) }
    } catch (error) {
      return { error: error.toJSON?.() ?? { code: 'INTERNAL', message: error.message, details: {} } }
    }
  })
}

handle('choose-model', async () => {
  const choice = await dialog.showOpenDialog(window, {
    title: 'Folder of a model (config.json, tokenizer.json, *.safetensors)',
    properties: ['openDirectory'],
  })
  const [folder] = choice.filePaths
  if (folder === undefined) return undefined
  const { architecture, parameters, bytes, known } = await engine.start('inspect', [folder]).done
  state.model = folder
  return { folder, architecture, parameters, bytes, known }
})

handle('choose-text', async () => {
  const choice = await dialog.showOpenDialog(window, {
    title: 'Text like what the model will be used for (UTF-8)',
    properties: ['openFile'],
    filters: [
      { name: 'Text', extensions: ['txt', 'md', 'csv', 'jsonl'] },
      { name: 'All files', extensions: ['*'] },
    ],
  })
  const [file] = choice.filePaths
  if (file === undefined) return undefined
  state.text = file
  return basename(file)
})

handle('sizes', sizes)

handle('plan', async settings => {
  const { inputBytes, outputBytes, peakMemoryBytes, diskBytes, seconds, notes } = await work('plan', settings)
    .done
  return { inputBytes, outputBytes, peakMemoryBytes, diskBytes, seconds, notes }
})

handle('compress', async settings => {
  if (state.running) throw new Error('a model is being compressed already')
  // The machine may dim its screen, but should not fall asleep over an hour of work. If it does, nothing is lost.
  const awake = powerSaveBlocker.start('prevent-app-suspension')
  try {
    state.running = work('compress', settings, progress => window?.webContents.send('progress', progress))
    const report = await state.running.done
    state.result = report.out
    return report
  } finally {
    state.running = undefined
    powerSaveBlocker.stop(awake)
  }
})

handle('cancel', () => void state.running?.cancel())
handle('show-result', () => void (state.result && shell.showItemInFolder(join(state.result, 'config.json'))))

function work(call, settings, onProgress) {
  if (state.model === undefined) throw new Error('choose a model first')
  return engine.start(call, [state.model, toOptions(state.model, settings, state.text)], onProgress)
}

function openWindow() {
  window = new BrowserWindow({
    width: 760,
    height: 860,
    webPreferences: {
      preload: join(here, 'preload.js'),
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
    },
  })
  window.webContents.setWindowOpenHandler(() => ({ action: 'deny' }))
  window.webContents.on('will-navigate', event => event.preventDefault())
  window.on('closed', () => (window = undefined))
  void window.loadFile(join(here, 'renderer', 'index.html'))
}

app.whenReady().then(openWindow)
app.on('activate', () => window ?? openWindow())
app.on('window-all-closed', () => process.platform !== 'darwin' && app.quit())
app.on('will-quit', () => engine.close())
