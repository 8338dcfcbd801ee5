//! A file of test/golden, opened for a set of kernels.

use kerf_compress::solve::factor::factor;
use kerf_compress::statistics::Gram;
use kerf_kernels::{Compute, Isa};
use kerf_tensors::Catalog;
use std::path::Path;

/// The kernels that this machine would take, and the portable ones.
pub fn isas() -> impl Iterator<Item = Option<Isa>> {
    [None, Some(Isa::Portable)].into_iter()
}

pub struct GoldenFile {
    pub catalog: Catalog,
    pub compute: Compute,
}

impl GoldenFile {
    pub fn open(file: &str, isa: Option<Isa>) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test/golden");
        Self {
            catalog: Catalog::open_path(&folder.join(file)).unwrap(),
            compute: Compute::new(isa, 2).unwrap(),
        }
    }

    /// [rows, cols] of a matrix.
    pub fn shape(&self, name: &str) -> (usize, usize) {
        let shape = &self.catalog.get(name).unwrap().shape;
        (shape[0], shape[1])
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.catalog
            .read_bytes(self.catalog.get(name).unwrap())
            .unwrap()
    }

    pub fn f32s(&self, name: &str) -> Vec<f32> {
        let entry = self.catalog.get(name).unwrap();
        self.catalog.read_f32(&self.compute, entry).unwrap()
    }

    pub fn f64s(&self, name: &str) -> Vec<f64> {
        let bytes = self.bytes(name);
        let (numbers, _) = bytes.as_chunks();
        numbers.iter().map(|b| f64::from_le_bytes(*b)).collect()
    }

    pub fn i8s(&self, name: &str) -> Vec<i8> {
        self.bytes(name).iter().map(|&byte| byte as i8).collect()
    }

    /// Inputs that are stored times 16.
    pub fn sixteenths(&self, name: &str) -> Vec<f32> {
        let codes = self.i8s(name).into_iter();
        codes.map(|code| f32::from(code) / 16.0).collect()
    }

    /// The second moments of `x_times_16`, as the papers have them: nothing is shrunk.
    pub fn gram(&self) -> Gram {
        let n = self.shape("x_times_16").1;
        let mut gram = Gram::new(n);
        gram.add(&self.compute, &self.sixteenths("x_times_16"));
        let tokens = gram.tokens as f32;
        for i in 0..n {
            for j in 0..=i {
                let mean = gram.h[i * n + j] * (1.0 / tokens);
                (gram.h[i * n + j], gram.h[j * n + i]) = (mean, mean);
            }
        }
        gram
    }

    /// The option `dampingRel` that adds the share `of_mean` of the mean diagonal, as the goldens do: of what kerf takes for the usual
    /// diagonal, where an input that is far larger than the others hardly counts, it is another share.
    pub fn damping_rel(&self, gram: &Gram, of_mean: f64) -> f64 {
        let diagonal = gram.diagonal();
        let sum: f64 = diagonal.iter().map(|value| f64::from(*value)).sum();
        let usual = factor(&self.compute, gram, 1.0).unwrap().damping;
        of_mean * sum / diagonal.len() as f64 / usual
    }
}
