//! Field constants of edwards25519, ristretto255 and curve25519, by the names of RFC 9496.

/// A canonical field element as four little-endian words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constant(pub(crate) [u64; 4]);

impl Constant {
    pub(crate) const ZERO: Self = Constant([0, 0, 0, 0]);
    pub(crate) const ONE: Self = Constant([1, 0, 0, 0]);

    /// `d` of edwards25519, −121665/121666.
    pub(crate) const D: Self = Constant([
        0x75eb_4dca_1359_78a3,
        0x0070_0a4d_4141_d8ab,
        0x8cc7_4079_7779_e898,
        0x5203_6cee_2b6f_fe73,
    ]);
    /// −d.
    pub(crate) const MINUS_D: Self = Constant([
        0x8a14_b235_eca6_874a,
        0xff8f_f5b2_bebe_2754,
        0x7338_bf86_8886_1767,
        0x2dfc_9311_d490_018c,
    ]);
    /// 2d.
    pub(crate) const TWO_D: Self = Constant([
        0xebd6_9b94_26b2_f159,
        0x00e0_149a_8283_b156,
        0x198e_80f2_eef3_d130,
        0x2406_d9dc_56df_fce7,
    ]);
    pub(crate) const SQRT_M1: Self = Constant([
        0xc4ee_1b27_4a0e_a0b0,
        0x2f43_1806_ad2f_e478,
        0x2b4d_0099_3dfb_d7a7,
        0x2b83_2480_4fc1_df0b,
    ]);
    pub(crate) const SQRT_AD_MINUS_ONE: Self = Constant([
        0x7e97_f6a0_497b_2e1b,
        0xaf9d_8e0c_1b78_54bd,
        0x0f3c_fcc9_31f5_d1fd,
        0x3769_31bf_2b83_48ac,
    ]);
    pub(crate) const INVSQRT_A_MINUS_D: Self = Constant([
        0x99c8_fdaa_805d_40ea,
        0x9d2f_1617_5a41_72be,
        0x16c2_7b91_fe01_d840,
        0x786c_8905_cfaf_fca2,
    ]);
    pub(crate) const ONE_MINUS_D_SQ: Self = Constant([
        0xe27c_09c1_945f_c176,
        0x2c81_a138_cd5e_350f,
        0x9994_abdd_be70_dfe4,
        0x0290_72a8_b2b3_e0d7,
    ]);
    pub(crate) const D_MINUS_ONE_SQ: Self = Constant([
        0x31ad_5aaa_44ed_4d20,
        0xd29e_4a2c_b01e_1999,
        0x4cdc_d32f_529b_4eeb,
        0x5968_b37a_f66c_2241,
    ]);
    /// c with c² = −486664: an Edwards x is c·u/v of the Montgomery point. Equals
    /// −2 · [`INVSQRT_A_MINUS_D`](Self::INVSQRT_A_MINUS_D).
    pub(crate) const MONTGOMERY_SCALE: Self = Constant([
        0xcc6e_04aa_ff45_7e06,
        0xc5a1_d3d1_4b7d_1a82,
        0xd27b_08dc_03fc_4f7e,
        0x0f26_edf4_60a0_06bb,
    ]);
}

#[cfg(test)]
mod tests {
    use super::Constant;
    use crate::lanes::{Lanes, Radix52};
    use crate::model::Model;

    /// Every constant satisfies its definition; signs are held by the vectors of RFC 9496.
    #[test]
    fn constants_satisfy_their_definitions() {
        let f = Radix52(Model);
        let constant = |value| f.constant(value);
        let small = |value| f.constant(Constant([value, 0, 0, 0]));
        let (zero, one) = (small(0), small(1));
        let minus = |value: &_| f.difference(&zero, value);
        let equal = |a: &_, b: &_| f.zeros(&f.difference(a, b)) == 1;
        let d = constant(Constant::D);

        assert!(equal(&f.product(&d, &small(121_666)), &minus(&small(121_665))));
        assert!(equal(&constant(Constant::MINUS_D), &minus(&d)));
        assert!(equal(&constant(Constant::TWO_D), &f.sum(&d, &d)));
        assert!(equal(&f.squared(&constant(Constant::SQRT_M1)), &minus(&one)));
        let minus_d_minus_one = minus(&f.sum(&d, &one));
        let root = constant(Constant::SQRT_AD_MINUS_ONE);
        assert!(equal(&f.squared(&root), &minus_d_minus_one));
        let inverse_root = constant(Constant::INVSQRT_A_MINUS_D);
        assert!(equal(&f.product(&f.squared(&inverse_root), &minus_d_minus_one), &one));
        let one_minus_d_squared = f.difference(&one, &f.squared(&d));
        assert!(equal(&constant(Constant::ONE_MINUS_D_SQ), &one_minus_d_squared));
        let d_minus_one = f.difference(&d, &one);
        assert!(equal(&constant(Constant::D_MINUS_ONE_SQ), &f.squared(&d_minus_one)));
        let scale = constant(Constant::MONTGOMERY_SCALE);
        assert!(equal(&f.squared(&scale), &minus(&small(486_664))));
        assert!(equal(&scale, &minus(&f.sum(&inverse_root, &inverse_root))));
    }
}
