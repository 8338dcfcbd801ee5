//! Memory that is used again: the large vectors of a training step, which are the same ones step after step. To get them fresh from the
//! system each time costs a seventh of a step, since every page is mapped and zeroed anew.

/// Buffers that nobody uses at the moment. Together with those in use they never take more than the most that was in use at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    /// Each as long as its memory.
    free: Vec<Vec<f32>>,
    /// Values of the buffers in use, as long as their memory, and the most that there were.
    used: usize,
    most: usize,
}

impl Buffers {
    /// A buffer of `len` values, which may be anything.
    pub fn take(&mut self, len: usize) -> Vec<f32> {
        let fits = |buffer: &Vec<f32>| (len..=2 * len).contains(&buffer.len());
        let fitting = (0..self.free.len()).filter(|at| fits(&self.free[*at]));
        let best = fitting.min_by_key(|at| self.free[*at].len());
        let buffer = match best {
            Some(at) => {
                let mut buffer = self.free.swap_remove(at);
                self.used += buffer.len();
                buffer.truncate(len);
                buffer
            }
            None => {
                self.used += len;
                self.most = self.most.max(self.used);
                self.make_room();
                vec![0.0; len]
            }
        };
        self.most = self.most.max(self.used);
        buffer
    }

    /// A buffer with a copy of `values`.
    pub fn copy(&mut self, values: &[f32]) -> Vec<f32> {
        let mut buffer = self.take(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// A buffer of zeros.
    pub fn zeros(&mut self, len: usize) -> Vec<f32> {
        let mut buffer = self.take(len);
        buffer.fill(0.0);
        buffer
    }

    /// Counts a vector that did not come from here as one of the buffers in use.
    pub fn adopt(&mut self, vector: &Vec<f32>) {
        self.used += vector.capacity();
        self.most = self.most.max(self.used);
    }

    /// Forgets a buffer that leaves for good.
    pub fn release(&mut self, buffer: &Vec<f32>) {
        self.used = self.used.saturating_sub(buffer.capacity());
    }

    /// Takes back a buffer.
    pub fn give(&mut self, mut buffer: Vec<f32>) {
        buffer.resize(buffer.capacity(), 0.0);
        self.used = self.used.saturating_sub(buffer.len());
        if !buffer.is_empty() {
            self.free.push(buffer);
            self.make_room();
        }
    }

    /// Drops the buffers that were free the longest, as far as all take more than was ever in use.
    fn make_room(&mut self) {
        let mut all = self.used + self.free.iter().map(Vec::len).sum::<usize>();
        let mut dropped = 0;
        while all > self.most && dropped < self.free.len() {
            all -= self.free[dropped].len();
            dropped += 1;
        }
        self.free.drain(..dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_again() {
        let mut buffers = Buffers::default();
        let first = buffers.take(100);
        let place = first.as_ptr();
        buffers.give(first);
        let again = buffers.copy(&[1.0; 60]);
        assert_eq!((again.as_ptr(), again.len()), (place, 60));
        assert_eq!(again, [1.0; 60]);
        // Of a buffer twice as large and more, most would lie idle.
        buffers.give(again);
        let small = buffers.take(49);
        assert_ne!(small.as_ptr(), place);
        assert_eq!(buffers.zeros(70), [0.0; 70]);
    }

    #[test]
    fn no_more_is_kept_than_was_in_use_at_once() {
        let mut buffers = Buffers::default();
        for len in (1..50).map(|at| at * 37 % 101 + 1) {
            let pair = [buffers.take(len), buffers.take(3 * len)];
            pair.into_iter().for_each(|buffer| buffers.give(buffer));
            let kept: usize = buffers.free.iter().map(Vec::len).sum();
            assert!(
                kept <= buffers.most && buffers.most <= 2 * 4 * 101,
                "{kept}"
            );
        }
        assert_eq!(buffers.used, 0);
    }

    #[test]
    fn a_vector_from_elsewhere_counts_while_it_is_here() {
        let mut buffers = Buffers::default();
        let foreign = vec![1.0; 8];
        buffers.adopt(&foreign);
        buffers.give(foreign);
        let own = buffers.take(8);
        buffers.release(&own);
        assert_eq!((buffers.used, buffers.most, buffers.free.len()), (0, 8, 0));
    }
}
