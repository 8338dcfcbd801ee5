//! Where the set bits of a bitmap lie.

/// For each byte of a bitmap, where the places of its set bits lie: byte i is the place of the i-th set bit, 128 behind
/// the last one.
pub(crate) static COMPACT: [u64; 256] = indices(false);
/// The inverse: byte i is how many bits are set before bit i, if that is set, else 128.
pub(crate) static EXPAND: [u64; 256] = indices(true);

const fn indices(inverse: bool) -> [u64; 256] {
    let mut table = [0; 256];
    let mut mask = 0;
    while mask < 256 {
        let mut bytes = [128u8; 8];
        let (mut bit, mut set) = (0, 0);
        while bit < 8 {
            if mask >> bit & 1 == 1 {
                if inverse {
                    bytes[bit] = set as u8;
                } else {
                    bytes[set] = bit as u8;
                }
                set += 1;
            }
            bit += 1;
        }
        table[mask] = u64::from_le_bytes(bytes);
        mask += 1;
    }
    table
}

/// For each four bits, the bytes of the 32-bit lanes whose bit is set, next to one another; 128 behind them.
#[allow(dead_code)] // Instruction sets with wider vectors have other means.
pub(crate) static CHOSEN_BYTES: [[u8; 16]; 16] = chosen_bytes();

const fn chosen_bytes() -> [[u8; 16]; 16] {
    let mut table = [[128; 16]; 16];
    let mut bits = 0;
    while bits < 16 {
        let (mut lane, mut set) = (0, 0);
        while lane < 4 {
            if bits >> lane & 1 == 1 {
                let mut byte = 0;
                while byte < 4 {
                    table[bits][4 * set + byte] = (4 * lane + byte) as u8;
                    byte += 1;
                }
                set += 1;
            }
            lane += 1;
        }
        bits += 1;
    }
    table
}
