//! The vector backends in plain integers, with the bounds of every limb.
//!
//! A [`Tracked`] word carries its value and the least and the most that it could be for any
//! input. Every addition, subtraction and multiplication checks the bounds, not the value, so
//! one run of a stage proves for all inputs that no limb overflows, goes below zero, or loses
//! bits in the multiplier. The field code is the code of the vector backends; only the
//! instructions under it are replaced. It has no `unsafe` and runs under Miri.

use crate::lanes::{Fused, Halves, LANES_MAX, Opaque, Radix29, Radix52, Vector, Words, kernel};

/// The token of the model; it needs no processor feature.
///
/// Its instructions stay out of line: inlined with their checks into the stages, they would keep
/// the compiler busy for minutes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model;

kernel!(Radix52<Model>);
kernel!(Radix29<Model>);

/// A word and its bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tracked {
    value: u64,
    least: u64,
    most: u64,
}

impl Tracked {
    fn exactly(value: u64) -> Self {
        Tracked { value, least: value, most: value }
    }

    /// The most that the low 52 bits can be.
    fn digit_most(self) -> u64 {
        self.most.min(DIGIT)
    }
}

impl Vector for Model {
    type Word = Tracked;

    const LANES: usize = 1;

    #[inline(never)]
    fn broadcast(self, word: u64) -> Tracked {
        Tracked::exactly(word)
    }

    #[inline(never)]
    fn pack(self, lanes: &[u64; LANES_MAX]) -> Tracked {
        Tracked { value: lanes[0], least: 0, most: u64::MAX }
    }

    #[inline(never)]
    fn unpack(self, a: Tracked) -> [u64; LANES_MAX] {
        let mut lanes = [0; LANES_MAX];
        lanes[0] = a.value;
        lanes
    }

    #[inline(never)]
    fn plus(self, a: Tracked, b: Tracked) -> Tracked {
        let most = a.most.checked_add(b.most).expect("a sum fits its limb");
        Tracked { value: a.value + b.value, least: a.least + b.least, most }
    }

    #[inline(never)]
    fn minus(self, a: Tracked, b: Tracked) -> Tracked {
        let least = a.least.checked_sub(b.most).expect("a difference is not negative");
        Tracked { value: a.value - b.value, least, most: a.most - b.least }
    }

    #[inline(never)]
    fn and(self, a: Tracked, b: Tracked) -> Tracked {
        let most = a.most.min(b.most);
        // A mask of ones that covers the other side leaves its bounds alone.
        let covered = a.most <= b.least && (b.least + 1).is_power_of_two();
        Tracked { value: a.value & b.value, least: if covered { a.least } else { 0 }, most }
    }

    #[inline(never)]
    fn or(self, a: Tracked, b: Tracked) -> Tracked {
        Tracked { value: a.value | b.value, least: 0, most: u64::MAX }
    }

    #[inline(never)]
    fn left<const BITS: i32>(self, a: Tracked) -> Tracked {
        let most = if a.most.leading_zeros() >= BITS as u32 { a.most << BITS } else { u64::MAX };
        Tracked { value: a.value << BITS, least: 0, most }
    }

    #[inline(never)]
    fn right<const BITS: i32>(self, a: Tracked) -> Tracked {
        Tracked { value: a.value >> BITS, least: a.least >> BITS, most: a.most >> BITS }
    }

    #[inline(never)]
    fn blend(self, mask: u8, yes: Tracked, no: Tracked) -> Tracked {
        Tracked {
            value: if mask & 1 == 1 { yes.value } else { no.value },
            least: yes.least.min(no.least),
            most: yes.most.max(no.most),
        }
    }

    #[inline(never)]
    fn zeros(self, a: Tracked) -> u8 {
        u8::from(a.value == 0)
    }
}

impl Fused for Model {
    type Row = [Tracked; 15];

    #[inline(never)]
    fn low(self, onto: Tracked, a: Tracked, b: Tracked) -> Tracked {
        let most = u128::from(a.digit_most()) * u128::from(b.digit_most());
        let value = product(a, b) as u64 & DIGIT;
        self.plus(onto, Tracked { value, least: 0, most: most.min(DIGIT.into()) as u64 })
    }

    #[inline(never)]
    fn whole(self, onto: Tracked, a: Tracked, b: Tracked) -> Tracked {
        let most = u128::from(a.most) * u128::from(b.most);
        assert!(most <= DIGIT.into(), "a whole product has no high half");
        self.low(onto, a, b)
    }

    #[inline(never)]
    fn high(self, onto: Tracked, a: Tracked, b: Tracked) -> Tracked {
        let most = (u128::from(a.digit_most()) * u128::from(b.digit_most())) >> 52;
        let value = (product(a, b) >> 52) as u64;
        self.plus(onto, Tracked { value, least: 0, most: most as u64 })
    }

    #[inline(never)]
    fn scatter(self, columns: [Tracked; 15], rows: &mut [Self::Row]) {
        rows[0] = columns;
    }

    #[inline(never)]
    fn gather(self, rows: &[&Self::Row]) -> [Tracked; 15] {
        *rows[0]
    }

    #[inline(never)]
    fn prefetch(self, _: &Self::Row) {}
}

impl Halves for Model {
    type Row = [Tracked; 27];

    #[inline(never)]
    fn times(self, a: Tracked, b: Tracked) -> Tracked {
        assert!(a.most >> 32 == 0 && b.most >> 32 == 0, "a factor has 32 bits");
        Tracked { value: a.value * b.value, least: a.least * b.least, most: a.most * b.most }
    }

    #[inline(never)]
    fn opaque(self, constant: Opaque) -> Tracked {
        Tracked::exactly(constant.word())
    }

    #[inline(never)]
    fn scatter(self, columns: [Tracked; 27], rows: &mut [Self::Row]) {
        rows[0] = columns;
    }

    #[inline(never)]
    fn gather(self, rows: &[&Self::Row]) -> [Tracked; 27] {
        *rows[0]
    }

    #[inline(never)]
    fn prefetch(self, _: &Self::Row) {}
}

impl Words for Model {
    type Word = u64;

    fn word(self, lanes: &[u64; LANES_MAX]) -> u64 {
        lanes[0]
    }

    fn repeat(self, word: u64) -> u64 {
        word
    }

    fn lanes(self, word: u64) -> [u64; LANES_MAX] {
        [word; LANES_MAX]
    }

    fn add(self, a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }

    fn xor(self, a: u64, b: u64, c: u64) -> u64 {
        a ^ b ^ c
    }

    fn choose(self, a: u64, b: u64, c: u64) -> u64 {
        (a & b) | (!a & c)
    }

    fn majority(self, a: u64, b: u64, c: u64) -> u64 {
        (a & b) | (a & c) | (b & c)
    }

    fn rotate<const RIGHT: i32, const LEFT: i32>(self, a: u64) -> u64 {
        a.rotate_right(RIGHT as u32)
    }

    fn shift<const RIGHT: i32>(self, a: u64) -> u64 {
        a >> RIGHT
    }

    fn pick(self, mask: u8, yes: u64, no: u64) -> u64 {
        if mask & 1 == 1 { yes } else { no }
    }
}

/// The product of the low 52 bits.
fn product(a: Tracked, b: Tracked) -> u128 {
    u128::from(a.value & DIGIT) * u128::from(b.value & DIGIT)
}

const DIGIT: u64 = (1 << 52) - 1;

mod tests {
    use super::*;
    use crate::dalek::Scalars;
    use crate::hash::{Hash, Hasher};
    use crate::lanes::{self, Constant, Kernel, Lanes};
    use crate::scalar::SecretScalar;
    use crate::{Encoded, Engine};

    #[test]
    fn limb_bounds_hold_on_every_path_of_radix_52() {
        every_path(Radix52(Model));
    }

    #[test]
    fn limb_bounds_hold_on_every_path_of_radix_29() {
        every_path(Radix29(Model));
    }

    #[test]
    fn extreme_values_of_radix_52() {
        extremes(Radix52(Model));
    }

    #[test]
    fn extreme_values_of_radix_29() {
        extremes(Radix29(Model));
    }

    /// Hash, decode, ladder and sum agree with dalek, and no bound is broken on the way.
    fn every_path<F: Kernel>(f: F) {
        let by = SecretScalar::from_canonical_bytes([5; 32]).expect("not a refused scalar");
        let recipe = lanes::Recipe::new(&Hasher::new(Hash::ExpandXmd { dst: b"model" }));
        let inputs: Vec<[u8; 1]> = (0..COUNT as u8).map(|i| [i]).collect();
        let mut hashed = [[0; 32]; COUNT];
        lanes::hash_multiply(f, Scalars::One(&by), &recipe, &inputs, &mut hashed);
        let mut expected = [[0; 32]; COUNT];
        Engine::portable().hash_multiply(&by, b"model", &inputs, &mut expected);
        assert_eq!(hashed, expected);

        let mut products = [[0; 32]; COUNT];
        lanes::multiply(f, Scalars::One(&by), &hashed, &mut products).expect("valid elements");
        Engine::portable().multiply(&by, &hashed, &mut expected).expect("valid elements");
        assert_eq!(products, expected);

        if !cfg!(miri) {
            let elements: Vec<Encoded> = hashed.into_iter().cycle().take(300).collect();
            let weights: Vec<[u8; 32]> =
                (0..150u8).flat_map(|i| [[i; 32], [255 - i; 32]]).collect();
            let sums = lanes::vartime_sums(f, &weights, [&elements]).expect("valid elements");
            let expected = Engine::portable().vartime_sum(&weights, &elements);
            assert_eq!(Ok(sums[0]), expected);
        }
    }

    /// Products, squares and canonical forms of values at the edges of limbs.
    fn extremes<F: Lanes>(f: F) {
        for a in edges() {
            let loaded = f.load(&[a]);
            assert_eq!(stored(f, &loaded), modulo(a, [0; 32]));
            assert_eq!(f.zeros(&loaded), u8::from(modulo(a, [0; 32]) == [0; 32]));
            let zero = f.constant(Constant::ZERO);
            let back = f.difference(&zero, &f.difference(&zero, &loaded));
            assert_eq!(stored(f, &back), modulo(a, [0; 32]));
            // Miri takes minutes for all pairs.
            for b in edges().into_iter().step_by(if cfg!(miri) { 7 } else { 1 }) {
                let (x, y) = (f.load(&[a]), f.load(&[b]));
                assert_eq!(stored(f, &f.sum(&x, &y)), modulo(a, b));
                let square = f.squared(&f.sum(&x, &y));
                let parts = f.add(f.square(&x), f.square(&y));
                let cross = f.mul(&x, &y);
                let whole = f.carry(f.add(parts, f.add(cross, cross)));
                assert_eq!(stored(f, &square), stored(f, &whole));
                let fixed = f.carry(f.mul_fixed(&x, &f.fix(&y)));
                assert_eq!(stored(f, &fixed), stored(f, &f.carry(cross)));
            }
        }
    }

    /// 2^52 − 1 and 2^29 − 1 in every limb, and the neighbours of p, 2p and 2^255.
    fn edges() -> Vec<Encoded> {
        let mut edges = vec![[0; 32], [0xff; 32]];
        for (width, limbs) in [(52, 5), (29, 9)] {
            for limb in 0..limbs {
                let mut bytes = [0; 32];
                for bit in limb * width..((limb + 1) * width).min(255) {
                    bytes[bit / 8] |= 1 << (bit % 8);
                }
                edges.push(bytes);
            }
        }
        let mut near = [0xff; 32];
        near[31] = 0x7f;
        // From p − 1 to 2^255 − 1 = p + 18.
        for low in 0xec..=0xffu8 {
            near[0] = low;
            edges.push(near);
        }
        for low in 1..20u8 {
            let mut small = [0; 32];
            small[0] = low;
            edges.push(small);
        }
        edges
    }

    fn stored<F: Lanes>(f: F, a: &F::Operand) -> Encoded {
        let mut bytes = [[0; 32]];
        f.store(a, &mut bytes);
        bytes[0]
    }

    /// The sum of the low 255 bits of both, modulo p, by schoolbook arithmetic on bytes.
    fn modulo(mut a: Encoded, mut b: Encoded) -> Encoded {
        (a[31], b[31]) = (a[31] & 0x7f, b[31] & 0x7f);
        reduced(added(reduced(a), reduced(b)))
    }

    /// Takes p away once if the value, below 2p, is not below p.
    fn reduced(value: Encoded) -> Encoded {
        let mut nineteen = [0; 32];
        nineteen[0] = 19;
        let mut more = added(value, nineteen);
        if more[31] < 0x80 {
            return value;
        }
        more[31] &= 0x7f;
        more
    }

    fn added(a: Encoded, b: Encoded) -> Encoded {
        let mut carry = 0;
        core::array::from_fn(|i| {
            let sum = u16::from(a[i]) + u16::from(b[i]) + carry;
            carry = sum >> 8;
            sum as u8
        })
    }

    /// Two groups of four and a tail; Miri takes more than twenty minutes for these.
    const COUNT: usize = if cfg!(miri) { 1 } else { 9 };
}
