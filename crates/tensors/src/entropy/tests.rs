//! Tests of the fast coder against the plain one, and of the properties of tables.

use super::decode::{Lookup, Lookups, Reader, Wide};
use super::encode::{Symbols, Writer};
use super::{STATE_BYTES, Table, reference};
use proptest::prelude::*;

fn counts(run: impl IntoIterator<Item = usize>, alphabet: usize) -> Vec<u64> {
    let mut counts = vec![0; alphabet];
    run.into_iter().for_each(|symbol| counts[symbol] += 1);
    counts
}

/// Runs of symbols with every skew: all equal, nearly all equal, uniform.
fn runs() -> impl Strategy<Value = (Vec<u16>, Vec<u8>, u8)> {
    let skewed = |top: usize| {
        let usual = 0..top;
        (usual, 0u32..=100).prop_flat_map(move |(usual, share)| {
            let one = prop_oneof![
                share => Just(usual),
                100 - share => 0..top,
            ];
            proptest::collection::vec(one, 0..3000)
        })
    };
    let first = prop_oneof![Just(2usize), Just(40), Just(592)].prop_flat_map(skewed);
    let then = prop_oneof![Just(1usize), Just(4), Just(16), Just(256)].prop_flat_map(skewed);
    (first, then, any::<u8>()).prop_map(|(scales, codes, first)| {
        let scales = scales.into_iter().take(200).map(|symbol| symbol as u16);
        let codes = codes.into_iter().map(|symbol| symbol as u8);
        (scales.collect(), codes.collect(), first)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_coder_does_what_the_plain_one_does((scales, codes, first) in runs(), bits in 12u32..=16) {
        let of_scales = Table::of_counts(&counts(scales.iter().map(|s| usize::from(*s)), 592));
        let of_codes = Table::normalised(&counts(codes.iter().map(|s| usize::from(*s)), 256), bits);
        let mut plain: Vec<_> = scales.iter().map(|s| (&of_scales, usize::from(*s))).collect();
        plain.extend(codes.iter().map(|s| (&of_codes, usize::from(*s))));
        let expected = reference::encode(&plain);

        let moved: Vec<u8> = codes.iter().map(|code| code.wrapping_add(first)).collect();
        let mut writer = Writer::new();
        writer.begin(plain.len());
        writer.put(&Symbols::of_bytes(&of_codes, first), &moved);
        writer.put(&Symbols::new(&of_scales), &scales);
        let mut bytes = Vec::new();
        writer.end(&mut bytes);
        prop_assert_eq!(&bytes, &expected);

        let tables: Vec<_> = plain.iter().map(|(table, _)| *table).collect();
        let symbols: Vec<_> = plain.iter().map(|(_, symbol)| *symbol).collect();
        prop_assert_eq!(reference::decode(&bytes, &tables).unwrap(), symbols);
        let mut reader = Reader::new(&bytes).unwrap();
        let (mut scales_out, mut codes_out) = (vec![0; scales.len()], vec![0; codes.len()]);
        reader.symbols(&Wide::new(&of_scales), &mut scales_out);
        reader.bytes(&Lookup::of_bytes(&of_codes, first), &mut codes_out);
        reader.end().unwrap();
        prop_assert_eq!(scales_out, scales);
        prop_assert_eq!(codes_out, moved);
    }

    /// Symbols that each have one of two tables.
    #[test]
    fn tables_may_change_from_symbol_to_symbol((_, codes, first) in runs(), which: u64) {
        let which: Vec<u8> = (0..codes.len()).map(|at| (which >> (at % 61) & 1) as u8).collect();
        let table = |of: u8| {
            let own = codes.iter().zip(&which).filter(|(_, which)| **which == of);
            Table::shared(&counts(own.map(|(code, _)| usize::from(*code)), 256), 12)
        };
        let tables = [table(0), table(1)];
        let plain: Vec<_> = codes
            .iter()
            .zip(&which)
            .map(|(code, which)| (&tables[usize::from(*which)], usize::from(*code)))
            .collect();
        let moved: Vec<u8> = codes.iter().map(|code| code.wrapping_add(first)).collect();
        let symbols: Vec<Symbols> = tables.iter().map(|table| Symbols::of_bytes(table, first)).collect();
        let mut writer = Writer::new();
        writer.begin(codes.len());
        writer.put_each(&symbols, &which, &moved);
        let mut bytes = Vec::new();
        writer.end(&mut bytes);
        prop_assert_eq!(&bytes, &reference::encode(&plain));
        let mut out = vec![0; codes.len()];
        let mut reader = Reader::new(&bytes).unwrap();
        reader.bytes_each(&Lookups::of_bytes(&tables, first), &which, &mut out);
        reader.end().unwrap();
        prop_assert_eq!(out, moved);
    }

    /// In a stream of equally frequent symbols, most damage gives other symbols instead of an error.
    #[test]
    fn a_damaged_stream_is_refused_by_both_or_read_alike((_, codes, _) in runs(), at: usize, bit in 0u32..8) {
        let table = Table::of_counts(&counts(codes.iter().map(|s| usize::from(*s)), 256));
        let plain: Vec<_> = codes.iter().map(|s| (&table, usize::from(*s))).collect();
        let mut bytes = reference::encode(&plain);
        let read = |bytes: &[u8]| {
            let plain = reference::decode(bytes, &vec![&table; codes.len()]);
            let mut out = vec![0; codes.len()];
            let fast = Reader::new(bytes).and_then(|mut reader| {
                reader.bytes(&Lookup::of_bytes(&table, 0), &mut out);
                reader.end()
            });
            let fast = fast.ok().map(|()| out.into_iter().map(usize::from).collect::<Vec<_>>());
            (plain.ok(), fast)
        };
        for cut in [1, 2] {
            prop_assert_eq!(read(&bytes[..bytes.len() - cut]), (None, None));
        }
        bytes.extend([0, 0]);
        prop_assert_eq!(read(&bytes), (None, None));
        bytes.truncate(bytes.len() - 2);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let (plain, fast) = read(&bytes);
        prop_assert_eq!(plain, fast);
    }

    #[test]
    fn tables_come_back_and_are_whole((_, codes, _) in runs()) {
        let table = Table::of_counts(&counts(codes.iter().map(|s| usize::from(*s)), 256));
        prop_assert_eq!(table.freqs.iter().sum::<u32>(), 1 << table.bits);
        prop_assert!(codes.iter().all(|code| table.freqs[usize::from(*code)] > 0));
        let mut bytes = Vec::new();
        table.write(&mut bytes);
        let mut rest = bytes.as_slice();
        let mut read = Table::read(&mut rest, 256).unwrap();
        read.freqs.resize(table.freqs.len(), 0);
        prop_assert_eq!(read, table);
        prop_assert!(rest.is_empty());
        for cut in 0..bytes.len() {
            prop_assert!(Table::read(&mut &bytes[..cut], 256).is_err());
        }
    }
}

#[test]
fn bad_tables_are_refused() {
    let read = |bytes: &[u8], alphabet| Table::read(&mut &bytes[..], alphabet).unwrap_err();
    assert!(read(&[11], 4).contains("11 bits"));
    assert!(read(&[17], 4).contains("17 bits"));
    assert!(read(&[12, 0x81, 0x1f], 4).contains("cut off"));
    assert!(read(&[12, 0xff, 0x1f, 0x02], 4).contains("exceed 4096"));
    assert!(read(&[12, 0x80, 0x80, 0x80], 4).contains("too long"));
    assert!(read(&[12, 0, 3, 0x80, 0x20], 4).contains("more than 4 symbols"));
    assert!(read(&[12, 1, 1, 1, 1, 1], 4).contains("more than 4 symbols"));
    let constant = Table::read(&mut &[12, 0, 2, 0x80, 0x20][..], 4).unwrap();
    assert_eq!(constant.freqs, [0, 0, 0, 4096]);
}

/// For every skew, a stream is little longer than the entropy of its symbols.
#[test]
fn streams_are_as_small_as_the_entropy_says() {
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % below
    };
    for (zeros, alphabet) in [
        (0, 16),
        (700, 16),
        (900, 4),
        (990, 256),
        (999, 256),
        (1000, 16),
    ] {
        let run: Vec<usize> = (0..1 << 18)
            .map(|_| match random(1000) < zeros {
                true => 0,
                false => (random(alphabet).min(random(alphabet))) as usize,
            })
            .collect();
        let counts = counts(run.iter().copied(), alphabet as usize);
        let shares = counts.iter().filter(|count| **count > 0);
        let shares = shares.map(|count| *count as f64 / run.len() as f64);
        let entropy: f64 = shares.map(|share| -share * share.log2()).sum();
        let table = Table::of_counts(&counts);
        let plain: Vec<_> = run.iter().map(|symbol| (&table, *symbol)).collect();
        let bytes = reference::encode(&plain).len() - STATE_BYTES;
        // A symbol that occurs once in a long stream still has a share of at least 2^-16.
        let slack = if zeros == 999 { 1.03 } else { 1.006 };
        let limit = slack * entropy * run.len() as f64 / 8.0;
        assert!(
            bytes as f64 <= limit,
            "{zeros} {alphabet}: {bytes} of {limit}"
        );
    }
}
