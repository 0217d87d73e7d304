//! `cargo xtask wasm`: verification needs nothing from its host.
//!
//! The auditor is built for a machine without files, network, clock, or random source. If
//! anything in it could reach for one, the module would import a function; it must import none.
//! `protocol`, `verify` and `session` are built without default features too, as the plain
//! `no_std` crates they are.

use std::fs;
use std::path::PathBuf;

use crate::tool::{self, Context, Done};

/// Builds and looks; *not run* if the target is not installed.
pub(crate) fn run() -> Result<Done, String> {
    for package in PURE {
        if !tool::is_member(package)? {
            continue;
        }
        tool::succeed(&mut tool::cargo(&["build", "-p", package, "--no-default-features"]))?;
        say!("wasm: {package} builds without default features");
    }
    if !installed()? {
        let reason = format!("target {TARGET} is not installed");
        say!("wasm: NOT RUN: {reason}");
        return Ok(Done::NotRun(reason));
    }
    let arguments = ["build", "-p", "veilmatch-auditor", "--bin", "auditor", "--target", TARGET];
    tool::succeed(&mut tool::cargo(&arguments))?;
    let module = tool::target_directory()?.join(TARGET).join("debug").join("auditor.wasm");
    let bytes = fs::read(&module).at("read", &module)?;
    let imports = imports(&bytes).map_err(|reason| format!("{}: {reason}", module.display()))?;
    if let Some(first) = imports.first() {
        return Err(format!("the auditor imports {} functions, first {first}", imports.len()));
    }
    say!("wasm: the auditor is a module of {} bytes without imports", bytes.len());
    Ok(Done::Passed)
}

/// True if this toolchain can build for the target.
fn installed() -> Result<bool, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = std::process::Command::new(rustc);
    command.current_dir(tool::root()).args(["--print", "target-libdir", "--target", TARGET]);
    let libraries = PathBuf::from(tool::output(&mut command)?.trim());
    let Ok(entries) = fs::read_dir(libraries) else {
        return Ok(false);
    };
    Ok(entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-")))
}

/// Imports of a WebAssembly module, as `module.name`.
fn imports(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut module = Reader { bytes };
    if module.take(8)? != b"\0asm\x01\0\0\0" {
        return Err("not a WebAssembly module of version 1".to_owned());
    }
    let mut found = Vec::new();
    while !module.bytes.is_empty() {
        let id = module.take(1)?[0];
        let length = module.number()?;
        let mut section = Reader { bytes: module.take(length)? };
        if id != IMPORT_SECTION {
            continue;
        }
        for _ in 0..section.number()? {
            let (from, name) = (section.name()?, section.name()?);
            found.push(format!("{from}.{name}"));
            section.skip_type()?;
        }
    }
    Ok(found)
}

/// Reads the binary format from the front.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Takes so many bytes.
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("the module is cut short")?;
        self.bytes = rest;
        Ok(taken)
    }

    /// An unsigned LEB128 number that fits 32 bits.
    fn number(&mut self) -> Result<usize, String> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(value).map_err(|_| "a length is too large".to_owned());
            }
        }
        Err("a number is too long".to_owned())
    }

    /// A name, for people.
    fn name(&mut self) -> Result<String, String> {
        let length = self.number()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// The type of an import: function, table, memory, global, or tag.
    fn skip_type(&mut self) -> Result<(), String> {
        match self.take(1)?[0] {
            0 => drop(self.number()?),
            1 => {
                self.take(1)?;
                self.limits()?;
            }
            2 => self.limits()?,
            3 => drop(self.take(2)?),
            4 => {
                self.take(1)?;
                self.number()?;
            }
            other => return Err(format!("unknown kind of import {other}")),
        }
        Ok(())
    }

    /// Least and perhaps most size of a table or a memory.
    fn limits(&mut self) -> Result<(), String> {
        let bounded = self.take(1)?[0] & 1 == 1;
        self.number()?;
        if bounded {
            self.number()?;
        }
        Ok(())
    }
}

/// Crates without `std`, built as they are: what a verification consists of, and the sessions.
const PURE: &[&str] = &[
    "veilmatch-protocol",
    "veilmatch-disclosure",
    "veilmatch-policy",
    "veilmatch-classes",
    "veilmatch-verify",
    "veilmatch-session",
];

/// The machine that has nothing.
const TARGET: &str = "wasm32-unknown-unknown";

/// Number of the section that lists imports.
const IMPORT_SECTION: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"\0asm\x01\0\0\0";

    fn module(sections: &[&[u8]]) -> Vec<u8> {
        [HEADER, &sections.concat()].concat()
    }

    #[test]
    fn a_module_without_imports_has_none() {
        // A custom section named "x", then a type section with no types.
        let bytes = module(&[b"\x00\x03\x01xy", b"\x01\x01\x00"]);
        assert_eq!(imports(&bytes), Ok(vec![]));
    }

    #[test]
    fn every_kind_of_import_is_named() {
        let section = b"\x02\x1b\x04\x01a\x01f\x00\x00\x01a\x01t\x01\x70\x01\x00\x05\
                        \x01a\x01m\x02\x00\x01\x01a\x01g\x03\x7f\x00";
        let mut bytes = module(&[section]);
        let length = section.len() - 2;
        bytes[HEADER.len() + 1] = length as u8;
        let names = ["a.f", "a.t", "a.m", "a.g"].map(str::to_owned).to_vec();
        assert_eq!(imports(&bytes), Ok(names));
    }

    #[test]
    fn broken_modules_are_errors_and_never_empty() {
        assert!(imports(b"").is_err());
        assert!(imports(b"\x7fELF\x01\x01\x01\x00").is_err());
        assert!(imports(&module(&[b"\x02\x7f\x01"])).is_err());
        assert!(imports(&module(&[b"\x02\xff\xff\xff\xff\xff\x01"])).is_err());
        assert!(imports(&module(&[b"\x02\x06\x01\x01a\x01f\x09"])).is_err());
    }
}
