// What the window shows. It has no access to files or Node: only the requests of preload.js.
import { bytes, createPace, duration } from './progress.js'

const { kerf } = window
const part = id => document.getElementById(id)
const controls = part('controls')
let pace = createPace()
let planNumber = 0

part('choose').addEventListener('click', async () => {
  const model = await ask(kerf.chooseModel())
  if (model === undefined) return
  const weights = model.parameters.toLocaleString()
  part('model').textContent =
    `${model.folder} (${model.architecture}, ${weights} weights, ${bytes(model.bytes)})`
  controls.disabled = part('start').disabled = false
  part('result').hidden = true
  await showPlan()
})

part('choose-text').addEventListener('click', async () => {
  const name = await ask(kerf.chooseText())
  if (name === undefined) return
  const option = part('calibration').querySelector('[value="file"]')
  option.textContent = name
  option.disabled = false
  part('calibration').value = 'file'
  await showPlan()
})
part('settings').addEventListener('change', showPlan)
part('settings').addEventListener('submit', async event => {
  event.preventDefault()
  await run()
})
part('cancel').addEventListener('click', () => {
  part('cancel').disabled = true
  say('Stopping after the current step…')
  void ask(kerf.cancel())
})
part('show').addEventListener('click', () => void ask(kerf.showResult()))
kerf.onProgress(showProgress)
void showSizes()

function settings() {
  return {
    size: part('size').value,
    calibration: part('calibration').value,
    memory: part('memory').value,
  }
}

/** The first is what kerf advises. */
async function showSizes() {
  const sizes = (await ask(kerf.sizes())) ?? []
  part('size').append(...sizes.map(({ id, about }) => element('option', { value: id }, `${id}: ${about}`)))
}

/** The answer of a request, or undefined after its error was shown. */
async function ask(request) {
  const { ok, error } = await request
  if (error) showError(error)
  return ok
}

/** What a run with these settings would take, before anybody starts it. */
async function showPlan() {
  say('')
  const number = (planNumber += 1)
  const plan = await ask(kerf.plan(settings()))
  // Somebody who tries several settings asks for many plans; only the last counts.
  if (number !== planNumber) return
  part('plan').hidden = part('plan-notes').hidden = plan === undefined
  part('start').disabled = plan === undefined
  if (plan === undefined) return
  const facts = [
    ['Size', `${bytes(plan.inputBytes)} → ${bytes(plan.outputBytes)}`],
    ['Memory, at most', bytes(plan.peakMemoryBytes)],
    ['Disk, at most', bytes(plan.diskBytes)],
    ...(plan.seconds === undefined ? [] : [['Time, about', duration(plan.seconds)]]),
  ]
  part('plan').replaceChildren(
    ...facts.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
  )
  list('plan-notes', plan.notes)
}

async function run() {
  pace = createPace()
  part('bar').value = 0
  part('share').textContent = part('stage').textContent = ''
  part('result').hidden = true
  say('')
  setRunning(true)
  const report = await ask(kerf.compress(settings()))
  setRunning(false)
  if (report) showResult(report)
}

function setRunning(isRunning) {
  controls.disabled = part('start').disabled = part('choose').disabled = isRunning
  part('cancel').hidden = !isRunning
  part('cancel').disabled = false
  part('running').hidden = !isRunning
  if (isRunning) part('cancel').focus()
}

function showProgress({ overall, label, name }) {
  const { share, left } = pace.take(overall)
  part('bar').value = share
  const rest = left === undefined ? '' : `, ${duration(left)} left`
  part('share').textContent = `${Math.floor(share * 100)} %${rest}`
  part('stage').textContent = name === '' ? label : `${label}: ${name}`
}

function showResult(report) {
  part('before-bytes').textContent = bytes(report.inputBytes)
  part('after-bytes').textContent = bytes(report.outputBytes)
  part('after').value = report.outputBytes / report.inputBytes
  const resumed =
    report.resumedUnits > 0 ? ` ${report.resumedUnits} steps were taken over from the run before.` : ''
  part('facts').textContent =
    `${(report.sparsity * 100).toFixed(0)} % of the weights removed, ${report.bitsPerWeight.toFixed(2)} bits per weight, ` +
    `in ${duration(report.seconds)}.${resumed}`
  list('result-notes', [...report.notes, ...repairs(report.repairs)])
  part('result').hidden = false
  part('result').focus()
}

function repairs({ length }) {
  return length === 0
    ? []
    : [`${length} ${length === 1 ? 'repair was' : 'repairs were'} made; the report lists them.`]
}

function showError({ code, message }) {
  if (code === 'CANCELLED') say('Stopped. What was done is kept: Start with the same settings goes on there.')
  else say(message, true)
}

function say(text, isAlert = false) {
  const box = part('message')
  box.textContent = text
  box.hidden = text === ''
  box.classList.toggle('alert', isAlert)
}

function list(id, texts) {
  part(id).replaceChildren(...texts.map(text => element('li', {}, text)))
}

function element(name, attributes, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}
