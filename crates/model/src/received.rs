//! Attention that tokens receive: what a tile of queries gives, added up in a fixed order.

/// What somebody may want to know of the probabilities of attention, summed over all heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What each key receives of all queries. One value for each token of the batch, or for each that the caches hold then.
    Received,
    /// What each token receives of its own query. One value for each token of the batch. What comes after a token has no part in it.
    Own,
}

/// Where somebody looks: what at, and where the values go.
pub(crate) type Received<'a> = Option<(Look, &'a mut Vec<f64>)>;

/// What the keys of one tile receive of its queries.
pub(crate) struct TileSums {
    look: Look,
    /// Place of the first value in the whole result.
    pub first: usize,
    /// One for each value from there on.
    pub sums: Vec<f64>,
    /// Of each query, where its own key is among the keys of the tile.
    own: Vec<usize>,
}

impl TileSums {
    pub fn new(look: Look) -> Self {
        Self {
            look,
            first: 0,
            sums: Vec::new(),
            own: Vec::new(),
        }
    }

    /// Before the first head. `queries`: the place of the first query in the batch, and of each the place of its own key among those
    /// of the tile. `keys`: the place of the first key in the whole result, and how many keys the tile has.
    pub fn begin(
        &mut self,
        queries: (usize, impl ExactSizeIterator<Item = usize>),
        keys: (usize, usize),
    ) {
        let (first, own) = queries;
        match self.look {
            Look::Received => (self.first, self.sums) = (keys.0, vec![0.0; keys.1]),
            Look::Own => {
                (self.first, self.sums) = (first, vec![0.0; own.len()]);
                self.own = own.collect();
            }
        }
    }

    /// Adds the probabilities of one head, [rows, stride]: row by row.
    pub fn add(&mut self, probabilities: &[f32], stride: usize) {
        let rows = probabilities.chunks_exact(stride);
        match self.look {
            Look::Received => {
                for row in rows {
                    for (sum, probability) in self.sums.iter_mut().zip(row) {
                        *sum += f64::from(*probability);
                    }
                }
            }
            Look::Own => {
                for ((row, own), sum) in rows.zip(&self.own).zip(&mut self.sums) {
                    *sum += f64::from(row[*own]);
                }
            }
        }
    }
}

/// Makes `received` the sums of all tiles, added in their order, for so many values.
pub(crate) fn add_up<'t>(
    tiles: impl Iterator<Item = &'t TileSums>,
    values: usize,
    received: &mut Vec<f64>,
) {
    received.clear();
    received.resize(values, 0.0);
    for tile in tiles {
        for (sum, own) in received[tile.first..].iter_mut().zip(&tile.sums) {
            *sum += own;
        }
    }
}
