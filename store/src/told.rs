//! Errors of the store as rows, a code and a message for each variant; secrets as their names.

use report::Arg;

/// Tells an error by its rows: the pattern of a variant, its code, the id of its message and the
/// arguments of that. Variants that are `inner` tell themselves; those `within` keep their message
/// under another code.
macro_rules! diagnose {
    (
        $error:ident: inner [$($inner:ident),*] $(, within [$within:ident => $as:ident])?;
        $($variant:pat => $code:ident, $id:literal $({ $($name:ident: $value:expr),+ })?;)*
    ) => {
        impl report::Diagnose for $error {
            #[allow(unused_variables, reason = "a code is chosen by the variant alone")]
            fn code(&self) -> report::Code {
                match self {
                    $(Self::$inner(error) => report::Diagnose::code(error),)*
                    $(Self::$within(_) => report::Code::$as,)?
                    $($variant => report::Code::$code,)*
                }
            }

            fn text(&self) -> report::Text {
                match self {
                    $(Self::$inner(error) => report::Diagnose::text(error),)*
                    $(Self::$within(error) => report::Diagnose::text(error),)?
                    $($variant => {
                        report::Text::new($id)$($(.with(stringify!($name), $value))+)?
                    })*
                }
            }
        }
        report::told_in_english!($error);
    };
}

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
