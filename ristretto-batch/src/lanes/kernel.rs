//! Compiling the stages for one processor.

/// Implements [`Kernel`](super::Kernel) for a token, each stage once, out of line, with the
/// features of the token's processor.
///
/// Everything the stages call is `inline(always)` and has no features of its own, so it becomes
/// plain instructions of the stage. A helper left out of line would turn every intrinsic in it
/// into a call: right, and terribly slow; `tests/hot_loop.rs` looks for that.
///
/// Without features, as for the plain-integer model, nothing unsafe is written.
macro_rules! kernel {
    (@stages $token:ty, $features:tt) => {
        $crate::lanes::stages! { $token, $features;
            fn call_product(a: &Operand, b: &Operand) -> Operand;
            fn call_square(a: &Operand) -> Operand;
            fn square_times(values: &mut [Operand], times: u32) -> ();
            fn power_p58(values: &mut Four<Operand>) -> ();
            fn invert_batch(values: &mut [Operand], prefixes: &mut [Operand]) -> ();
            fn decode(encodings: &[Encoded], decoded: &mut Four<Decoded<$token>>) -> u32;
            fn hash(messages: &[&[u8]], recipe: &Recipe, out: &mut [[u8; 64]]) -> ();
            fn map(uniform: &[[u8; 64]], mapped: &mut [Mapped<$token>]) -> ();
            fn affine(mapped: &Mapped<$token>, inverse: &Operand) -> Decoded<$token>;
            fn half_product(point: &Decoded<$token>, bits: &Bits) -> Doubling<$token>;
            fn encode(double: &Doubling<$token>, inverse: &Operand, out: &mut [Encoded]) -> ();
            fn add_points(a: &Extended<$token>, b: &Extended<$token>) -> Extended<$token>;
            fn double_point(a: &Extended<$token>) -> Extended<$token>;
            fn decode_rows(encodings: &[Encoded], rows: &mut [Row]) -> u32;
            fn fill_buckets(table: &[Row], window: &Window, buckets: &mut [Bucket<Row>]) -> ();
            fn collect_buckets(buckets: &[Bucket<Row>], bits: u32, sums: &mut Stretches<$token>)
                -> ();
            fn merge(sums: &Stretches<$token>, buckets: usize, total: &mut Extended<$token>)
                -> ();
            fn encode_point(point: &Extended<$token>, out: &mut [Encoded]) -> ();
        }
    };
    ($token:ty, $features:literal) => {
        $crate::lanes::kernel!(@stages $token, [$features]);
    };
    ($token:ty) => {
        $crate::lanes::kernel!(@stages $token, []);
    };
}

/// Writes the stages that [`kernel!`] lists.
macro_rules! stages {
    ($token:ty, $features:tt;
     $(fn $stage:ident($($name:ident: $type:ty),*) -> $result:ty;)+) => {
        const _: () = {
            use $crate::Encoded;
            use $crate::lanes::{
                Bits, Bucket, Decoded, Doubling, Extended, Four, Kernel, Lanes, Mapped, Recipe,
                Stretches, Window,
            };

            type Operand = <$token as Lanes>::Operand;
            type Row = <$token as Lanes>::Row;

            impl Kernel for $token {
                $(
                    #[inline(always)]
                    fn $stage(self, $($name: $type),*) -> $result {
                        $crate::lanes::stage! { self, $features;
                            fn $stage(f: $token, $($name: $type),*) -> $result }
                    }
                )+
            }
        };
    };
}

/// Writes one stage as a function of its own, and the call to it.
macro_rules! stage {
    ($self:ident, [$features:literal];
     fn $stage:ident($f:ident: $token:ty $(, $name:ident: $type:ty)*) -> $result:ty) => {{
        #[target_feature(enable = $features)]
        #[inline(never)]
        fn stage($f: $token $(, $name: $type)*) -> $result {
            $crate::lanes::$stage($f $(, $name)*)
        }
        // SAFETY: a token exists only where detection found these features.
        unsafe { stage($self $(, $name)*) }
    }};
    ($self:ident, [];
     fn $stage:ident($f:ident: $token:ty $(, $name:ident: $type:ty)*) -> $result:ty) => {{
        #[inline(never)]
        fn stage($f: $token $(, $name: $type)*) -> $result {
            $crate::lanes::$stage($f $(, $name)*)
        }
        stage($self $(, $name)*)
    }};
}

pub(crate) use {kernel, stage, stages};
