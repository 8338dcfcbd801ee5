//! The plain coder. It codes one symbol at a time, with a division and a search. Tests compare the fast coder to it.

use super::{LANES, LOW, STATE_BYTES, Table};

/// Encodes symbols, each with its own table, as one stream.
pub(crate) fn encode(symbols: &[(&Table, usize)]) -> Vec<u8> {
    let mut states = [LOW; LANES];
    let mut words = Vec::new();
    for (at, &(table, symbol)) in symbols.iter().enumerate().rev() {
        let state = &mut states[at % LANES];
        let (bits, freq) = (table.bits, table.freqs[symbol]);
        let start: u32 = table.freqs[..symbol].iter().sum();
        if u64::from(*state) >= u64::from(freq) << (32 - bits) {
            words.push(*state as u16);
            *state >>= 16;
        }
        *state = ((*state / freq) << bits) + start + *state % freq;
    }
    let mut bytes: Vec<u8> = states
        .iter()
        .flat_map(|state| state.to_le_bytes())
        .collect();
    bytes.extend(words.iter().rev().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// Decodes one symbol with each of the tables.
pub(crate) fn decode(bytes: &[u8], tables: &[&Table]) -> Result<Vec<usize>, String> {
    if bytes.len() < STATE_BYTES || !bytes.len().is_multiple_of(2) {
        return Err("not the length of a stream".into());
    }
    let (head, words) = bytes.split_at(STATE_BYTES);
    let state = |four: &[u8]| u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    let mut states: Vec<u32> = head.chunks(4).map(state).collect();
    let mut words = words
        .chunks(2)
        .map(|two| u32::from(u16::from_le_bytes([two[0], two[1]])));
    let mut symbols = Vec::with_capacity(tables.len());
    for (at, table) in tables.iter().enumerate() {
        let state = &mut states[at % LANES];
        let slot = *state % (1 << table.bits);
        let (mut symbol, mut start) = (0, 0);
        while start + table.freqs[symbol] <= slot {
            start += table.freqs[symbol];
            symbol += 1;
        }
        *state = table.freqs[symbol] * (*state >> table.bits) + slot - start;
        if *state < LOW {
            *state = *state << 16 | words.next().ok_or("the stream is cut off")?;
        }
        symbols.push(symbol);
    }
    match words.next().is_none() && states.iter().all(|state| *state == LOW) {
        true => Ok(symbols),
        false => Err("the stream does not end as it began".into()),
    }
}
