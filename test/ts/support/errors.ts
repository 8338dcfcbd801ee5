import { KerfError } from 'kerf'

/** The KerfError that a promise rejects with; anything else fails the test. */
export async function kerfError(promise: Promise<unknown>): Promise<KerfError> {
  const outcome = await promise.then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('value' in outcome)
    throw new Error(`expected an error, got ${JSON.stringify(outcome.value).slice(0, 200)}`)
  if (!(outcome.error instanceof KerfError)) throw outcome.error
  return outcome.error
}
