//! The binary from outside: exit codes, what is printed, what is left behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

mod bad_input;
mod catalog;
mod data;
mod interrupt;
mod new_crate;
mod other_programs;
mod quality;
mod runs;
mod variants;
mod verify;

fn scenario(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name);
    path.to_str().unwrap().to_owned()
}

/// A folder with the program in it.
struct Stage {
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.current_dir(self.folder.path()).args(args);
        command
    }

    fn sim(&self, args: &[&str]) -> Said {
        Said::from(self.command(args).output().unwrap())
    }

    /// Runs a scenario that must succeed and gives its JSON.
    fn run(&self, scenario: &str, more: &[&str]) -> Value {
        let mut args = vec!["run", "--json", scenario];
        args.extend(more);
        let said = self.sim(&args);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}");
        assert_eq!(said.out.lines().count(), 1, "one object on one line: {}", said.out);
        serde_json::from_str(&said.out).unwrap()
    }

    /// Names of what is in the folder, sorted.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// What a process said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// Ends with this code, and says all of this on either channel.
    #[track_caller]
    fn check(&self, code: i32, fragments: &[&str]) {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, code, "{all}");
        for fragment in fragments {
            assert!(all.contains(fragment), "no `{fragment}` in\n{all}");
        }
    }
}
