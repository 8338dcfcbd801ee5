//! Arguments of the kernels of codes: masks that fit their codes, rows that fit their shape.

use super::argument::Numbers;
use super::{Draw, Outcome};
use crate::Kernels;
use crate::compact::{BLOCK, CompactRows, SLACK, Width};

/// The outcome of each instruction set.
fn each(instances: &[Kernels], run: impl Fn(&Kernels) -> Outcome) -> Vec<Outcome> {
    instances.iter().map(run).collect()
}

fn numbers(bytes: &[u8]) -> Outcome {
    bytes.iter().map(|byte| f64::from(*byte)).collect()
}

/// Masks of every density, all and none of the bits among them.
fn masks(draw: &mut Draw) -> Vec<u64> {
    let count = draw.len % 40;
    let words = draw.bits(4 * count, u64::from);
    let mask = |words: &[u64]| {
        let (low, high) = (words[0] | words[1] << 32, words[2] | words[3] << 32);
        match words[0] % 5 {
            0 => 0,
            1 => u64::MAX,
            2 => low & high,
            3 => low | high,
            _ => low,
        }
    };
    words.chunks_exact(4).map(mask).collect()
}

pub(super) fn spread_nibbles(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let masks = masks(draw);
    let pairs = |mask: &u64| mask.count_ones().div_ceil(2) as usize;
    let used: usize = masks.iter().map(pairs).sum();
    // No byte more than was promised.
    let codes = draw.bits(used + SLACK, |bits| bits as u8);
    each(instances, |kernels| {
        let mut out = vec![7; masks.len() * BLOCK / 2];
        kernels.spread_nibbles(&codes, &masks, &mut out);
        numbers(&out)
    })
}

pub(super) fn spread_bytes(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let masks = masks(draw);
    let used: u32 = masks.iter().map(|mask| mask.count_ones()).sum();
    let codes = draw.bits(used as usize + SLACK, |bits| bits as u8);
    each(instances, |kernels| {
        let mut out = vec![7; masks.len() * BLOCK];
        kernels.spread_bytes(&codes, &masks, &mut out);
        numbers(&out)
    })
}

/// Rows of some width, and what they are made of. Codes of 8 bits go with scales so small that results stay near 1.
struct Rows {
    width: Width,
    rows: usize,
    blocks: usize,
    group: usize,
    codes: Vec<u8>,
    scales: Vec<f32>,
}

impl Rows {
    fn draw(draw: &mut Draw) -> Self {
        let width = [Width::Four, Width::Eight, Width::Sixteen][draw.noise.below(3)];
        let (rows, blocks) = (draw.noise.below(10), 1 + draw.len % 11);
        let group = match width {
            Width::Sixteen => blocks,
            _ => 1 + draw.noise.below(blocks),
        };
        let codes = match width {
            Width::Sixteen => {
                let values = draw.noise.fill(rows * blocks * BLOCK);
                let halves = values.iter().map(|value| (value.to_bits() >> 16) as u16);
                halves.flat_map(u16::to_le_bytes).collect()
            }
            _ => draw.bits(rows * blocks * width.block_bytes(), |bits| bits as u8),
        };
        let largest = if width == Width::Four { 8.0 } else { 128.0 };
        let scales = match width {
            Width::Sixteen => 0,
            _ => rows * blocks.div_ceil(group),
        };
        let scales = draw
            .noise
            .fill(scales)
            .into_iter()
            .map(|scale| scale / largest);
        Self {
            width,
            rows,
            blocks,
            group,
            codes,
            scales: scales.collect(),
        }
    }

    fn lend(&self) -> CompactRows<'_> {
        CompactRows {
            width: self.width,
            rows: self.rows,
            blocks: self.blocks,
            group: self.group,
            codes: &self.codes,
            scales: &self.scales,
        }
    }
}

pub(super) fn compact_product(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let rows = Rows::draw(draw);
    let tokens = draw.noise.below(10);
    let x = draw.noise.fill(tokens * rows.blocks * BLOCK);
    each(instances, |kernels| {
        let mut out = vec![7.0f32; tokens * rows.rows];
        kernels.compact_product(&rows.lend(), &x, tokens, &mut out);
        let mut outcome = Outcome::new();
        out.append_to(&mut outcome);
        outcome
    })
}

pub(super) fn compact_decode(instances: &[Kernels], draw: &mut Draw) -> Vec<Outcome> {
    let rows = Rows::draw(draw);
    let cols = rows.blocks * BLOCK - draw.noise.below(BLOCK);
    each(instances, |kernels| {
        let mut out = vec![7.0f32; rows.rows * cols];
        kernels.compact_decode(&rows.lend(), cols, &mut out);
        let mut outcome = Outcome::new();
        out.append_to(&mut outcome);
        outcome
    })
}
