//! Exit statuses, for those that know them by this path.

pub use report::{Exit, Signal};
