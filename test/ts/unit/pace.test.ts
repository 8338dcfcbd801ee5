// Time left, from shares that are done and a clock that the test turns.
import { describe, expect, it } from 'vitest'
import { Pace } from '../../../ts/pace.js'

function run(steps: readonly (readonly [seconds: number, share: number])[]): {
  pace: Pace
  at: (s: number) => void
} {
  let now = 5000
  const pace = new Pace(() => now)
  const at = (seconds: number): void => void (now = 5000 + 1000 * seconds)
  for (const [seconds, share] of steps) {
    at(seconds)
    pace.take(share)
  }
  return { pace, at }
}

describe('the time left', () => {
  it('is not known before there is something to tell it by', () => {
    expect(run([]).pace.left).toBeUndefined()
    expect(run([[0.5, 0.04]]).pace.left).toBeUndefined()
    expect(run([[3, 0]]).pace.left).toBeUndefined()
  })

  it('is what the rate so far says, and goes down between two events', () => {
    const { pace, at } = run([
      [1, 0.04],
      [5, 0.2],
    ])
    expect(pace.left).toBeCloseTo(20)
    at(9)
    expect(pace.left).toBeCloseTo(16)
    expect(pace.elapsed).toBeCloseTo(9)
    at(100)
    expect(pace.left).toBe(0)
  })

  it('is not fooled by what an earlier run did', () => {
    const { pace } = run([
      [0, 0],
      [0.5, 0.01],
      [0.6, 0.61],
      [5, 0.7],
      [10, 0.8],
    ])
    // A tenth takes 5 seconds.
    expect(pace.left).toBeGreaterThan(8)
    expect(pace.left).toBeLessThan(12)
  })

  it('is nothing at the end', () => {
    expect(
      run([
        [2, 0.5],
        [4, 1],
      ]).pace.left,
    ).toBe(0)
  })
})
