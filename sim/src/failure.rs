//! How a command ends when it does not end well, and the exit code that tells.

use std::error::Error;
use std::fmt;
use std::io::IsTerminal as _;
use std::path::Path;

use crate::scenario::{Colors, Problems};

/// Why a command did not do what was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// A check found a difference (exit code 1).
    Difference {
        /// What differs.
        message: String,
    },
    /// The scenario is wrong (exit code 2).
    Scenario(Box<Problems>),
    /// An argument, a file or data are wrong (exit code 2).
    Input {
        /// What is wrong.
        message: String,
        /// What to do about it; may be empty.
        help: String,
    },
    /// Something failed that is not the user's fault (exit code 3).
    Internal {
        /// What failed.
        message: String,
    },
    /// Ctrl-C (exit code 130).
    Interrupted,
}

impl Failure {
    /// Bad input without advice.
    pub fn input(message: impl Into<String>) -> Self {
        Self::Input { message: message.into(), help: String::new() }
    }

    /// Bad input with advice.
    pub fn input_with_help(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Input { message: message.into(), help: help.into() }
    }

    /// Bad input that a part of the house found, with what it goes back to.
    pub fn caused(error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some messages quote their cause already.
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        Self::input(message)
    }

    /// A failure that is not the user's fault.
    pub fn internal(error: impl fmt::Display) -> Self {
        Self::Internal { message: error.to_string() }
    }

    /// A file that cannot be read or written.
    pub fn file(path: &Path, doing: &str, error: &std::io::Error) -> Self {
        Self::input(format!("cannot {doing} {}: {error}", path.display()))
    }

    /// The exit code of the process.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Difference { .. } => 1,
            Self::Scenario(_) | Self::Input { .. } => 2,
            Self::Internal { .. } => 3,
            Self::Interrupted => 130,
        }
    }

    /// Tells the person at standard error.
    pub fn report(&self) {
        let colors = if std::io::stderr().is_terminal() { Colors::On } else { Colors::Off };
        match self {
            Self::Scenario(problems) => eprint!("{}", problems.render(colors)),
            Self::Difference { message } => eprintln!("{message}"),
            Self::Input { message, help } if help.is_empty() => eprintln!("error: {message}"),
            Self::Input { message, help } => eprintln!("error: {message}\n help: {help}"),
            Self::Internal { message } => eprintln!("internal error: {message}"),
            Self::Interrupted => eprintln!("interrupted; nothing is left behind"),
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Scenario(Box::new(problems))
    }
}
