// The server of `kerf serve`: an open model behind the part of OpenAI's API that it can answer. The build makes this file dist/serve.js.
import { serve } from '@hono/node-server'
import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { embedded } from '../../embed.js'
import type { OpenModel } from '../../open.js'
import { chatCompletions, completions } from './completions.js'
import { embeddings } from './embeddings.js'
import type { Body } from './fields.js'
import { Waiting, type Limits } from './limits.js'
import { Refusal, refuse } from './refusal.js'

/** What is served, where, and how much. */
export interface Serve {
  model: OpenModel
  /** What clients call the model. */
  name: string
  host: string
  port: number
  limits: Limits
  /** The core's embeddings; given, so that this file holds no second copy of the API. */
  embedded: typeof embedded
}

/** A server that runs. */
export interface Serving {
  url: string
  /** Takes no more requests, and ends when those that are there have ended. */
  close: () => Promise<void>
}

/** The routes. */
export function routes(served: Omit<Serve, 'host' | 'port'>): Hono {
  const { name, limits } = served
  const waiting = new Waiting(limits.queue)
  const app = new Hono()
  const model = { id: name, object: 'model', created: 0, owned_by: 'kerf' }
  const tooLarge = (context: Context): Response =>
    refuse(context, new Refusal(413, 'too_large', `a request has at most ${limits.maxBody} bytes`))
  app.use(bodyLimit({ maxSize: limits.maxBody, onError: tooLarge }))
  app.onError((error, context) => refuse(context, error))
  app.notFound(context =>
    refuse(context, new Refusal(404, 'not_found', `${context.req.method} ${context.req.path} is not there`)),
  )
  app.get('/health', context => context.json({ status: 'ok' }))
  app.get('/v1/models', context => context.json({ object: 'list', data: [model] }))
  app.get('/v1/models/:id{.+}', context => {
    if (context.req.param('id') !== name) throw unknownModel(context.req.param('id'), name)
    return context.json(model)
  })
  const post = (path: string, work: typeof embeddings): void =>
    void app.post(path, async context => {
      const body = await bodyOf(context, name)
      return waiting.run(() => work(context, body, { ...served, waiting }))
    })
  post('/v1/embeddings', embeddings)
  post('/v1/completions', completions)
  post('/v1/chat/completions', chatCompletions)
  return app
}

/** Listens. Rejects with the system's error where it cannot. */
export function listen(wanted: Serve): Promise<Serving> {
  const { host, port } = wanted
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: routes(wanted).fetch, hostname: host, port }, info => {
      const shown = host.includes(':') ? `[${host}]` : host
      resolve({ url: `http://${shown}:${info.port}`, close })
    })
    server.on('error', reject)
    const close = (): Promise<void> =>
      new Promise(done => {
        server.close(() => done())
        // Connections that wait for a next request would keep it open.
        if ('closeIdleConnections' in server) server.closeIdleConnections()
      })
  })
}

async function bodyOf(context: Context, name: string): Promise<Body> {
  const body: unknown = await context.req.json().catch(() => undefined)
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Refusal(400, 'invalid_json', 'the body is no JSON object')
  }
  const { model } = body as { model?: unknown }
  if (model !== undefined && model !== name) throw unknownModel(String(model), name)
  return body as Body
}

const unknownModel = (asked: string, name: string): Refusal =>
  new Refusal(404, 'model_not_found', `the model ${asked} is not here; this server has ${name}`, 'model')
