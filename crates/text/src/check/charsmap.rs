//! SentencePiece's table of replacements, which the tokenizers library walks without looking at its bounds.
//!
//! Bytes: the size of a tree in bytes (u32), the tree as a double array of u32, and the replacements, each ended by a zero byte.

const MASK: u32 = (1 << 31) | 0xFF;

/// What is wrong with a table in base 64, if walking it could leave it.
pub(super) fn check(text: &str) -> Result<(), String> {
    let bytes = decode(text).ok_or("precompiled_charsmap is not base 64")?;
    let (size, rest) = bytes
        .split_first_chunk::<4>()
        .ok_or("precompiled_charsmap is cut")?;
    let size = u32::from_le_bytes(*size) as usize / 4 * 4;
    let (tree, replacements) = rest
        .split_at_checked(size)
        .ok_or("precompiled_charsmap is cut")?;
    let tree: Vec<u32> = tree
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| u32::from_le_bytes(*bytes))
        .collect();
    let replacements = std::str::from_utf8(replacements)
        .map_err(|_| "precompiled_charsmap: its replacements are not UTF-8")?;
    match walk(&tree, replacements) {
        Some(()) => Ok(()),
        None => Err("precompiled_charsmap leads out of its table".into()),
    }
}

/// Goes everywhere that a text can lead to. `None` as soon as that is outside.
fn walk(tree: &[u32], replacements: &str) -> Option<()> {
    let root = offset(*tree.first()?);
    let mut seen = vec![false; tree.len()];
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        for byte in 1..=255usize {
            let place = node ^ byte;
            let unit = *tree.get(place)?;
            if unit & MASK != byte as u32 {
                continue;
            }
            let next = place ^ offset(unit);
            if (unit >> 8) & 1 == 1 {
                let start = (*tree.get(next)? & !(1 << 31)) as usize;
                replacements.get(start..)?;
            }
            if !std::mem::replace(seen.get_mut(place)?, true) {
                open.push(next);
            }
        }
    }
    Some(())
}

/// As the library computes it where addresses have 32 bits.
fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize
}

/// Base 64 with padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let body = text.len() - text.iter().rev().take_while(|byte| **byte == b'=').count();
    if text.len() - body > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(body / 4 * 3 + 2);
    let (mut bits, mut count) = (0u32, 0);
    for byte in &text[..body] {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // Bits that belong to no byte are zero.
    (bits == 0).then_some(bytes)
}
