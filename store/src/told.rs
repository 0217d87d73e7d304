//! Numbers in errors; secrets told as their names.

use report::Arg;

/// Prints the name of a type and nothing of what it holds.
macro_rules! opaque {
    ($name:ident $(<$param:ident: $bound:ident>)?) => {
        impl $(<$param: $bound>)? std::fmt::Debug for $name $(<$param>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

/// Number that is never grouped, such as that of an entry or a block.
pub(crate) fn number(number: impl Into<u64>) -> Arg {
    Arg::Number(number.into())
}
